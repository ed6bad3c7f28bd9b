// What the tests ask of a page that is open. Elements are told by the beginning of their HTML.
() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const told = element => element.outerHTML.slice(0, 200);
  const policy = document.querySelector('meta[http-equiv="Content-Security-Policy" i]');
  const precedes = one => policy.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_PRECEDING;
  const scrolls = element => {
    const style = getComputedStyle(element);
    const may = value => value === 'auto' || value === 'scroll';
    return (may(style.overflowX) && element.scrollWidth > element.clientWidth + 1)
      || (may(style.overflowY) && element.scrollHeight > element.clientHeight + 1);
  };
  const isNamed = svg => svg.closest('[aria-hidden=true]') || svg.closest('[role=img]')?.getAttribute('aria-label');
  const boxes = svg => [...svg.querySelectorAll('text')].filter(one => one.textContent.trim() && one.checkVisibility())
    .map(one => [one.textContent, one.getBoundingClientRect()]);
  const overlap = ([, a], [, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  const collisions = list => list.flatMap((one, at) => list.slice(at + 1).filter(other => overlap(one, other))
    .map(other => `${one[0]} and ${other[0]}`));
  const papers = [document.body, document.documentElement].map(one => getComputedStyle(one).backgroundColor);

  all('details').forEach(one => { one.open = true; });  // what is folded away must hold, too
  const right = document.documentElement.clientWidth + 1;
  return {
    pwned: window.pwned ?? null,
    blocked: window.blocked,
    policy: policy?.content ?? null,
    late: policy ? all('script, style, link').filter(precedes).map(told) : [],
    scripts: all('script').map(told),
    aliens: all('iframe, frame, object, embed, link, base, form, audio, video, img, image, source, use').map(told),
    handlers: all('*').filter(one => [...one.attributes].some(({name}) => name.startsWith('on'))).map(told),
    links: all('[href], [src]').map(one => one.getAttribute('href') ?? one.getAttribute('src')),
    width: document.scrollingElement.scrollWidth,
    wide: all('body *').filter(one => one.getBoundingClientRect().right > right).map(told).slice(0, 8),
    unreachable: all('body *').filter(one => scrolls(one) && one.tabIndex < 0).map(told),
    nameless: all('svg').filter(one => !one.parentElement.closest('svg') && !isNamed(one)).map(told),
    collisions: all('svg').flatMap(svg => collisions(boxes(svg))),
    paper: papers.find(colour => colour !== 'rgba(0, 0, 0, 0)') ?? 'rgb(255, 255, 255)',
  };
}
