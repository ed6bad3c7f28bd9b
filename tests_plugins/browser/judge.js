// What axe-core, which is there already, finds seriously wrong; `contrast`: whether it looks at colours, and only at them.
async contrast => {
  const hidden = contrast ? hideRepetitions() : [];
  const rules = contrast ? {runOnly: ['color-contrast']} : {rules: {'color-contrast': {enabled: false}}};
  const {violations} = await axe.run(document, {resultTypes: ['violations'], ...rules});
  hidden.forEach(([one, display]) => { one.style.display = display; });
  return violations.filter(one => ['serious', 'critical'].includes(one.impact)).map(one => ({
    title: `${one.id} (${one.impact}, ${one.nodes.length} times, ${one.helpUrl})`,
    places: one.nodes.slice(0, 4).map(node => [
      node.target.join(' '), node.html.slice(0, 200), node.failureSummary.replace(/\s+/g, ' ').slice(0, 300)]),
  }));

  // Colours of some thousand elements take seconds: of each look one element stays, with what it stands in.
  function hideRepetitions() {
    const all = [...document.querySelectorAll('body *')];
    const isText = node => node.nodeType === Node.TEXT_NODE && node.data.trim();
    const paper = one => one ? getComputedStyle(one).backgroundColor + paper(one.parentElement) : '';
    const looks = new Map();
    for (const one of all) {
      if (one.checkVisibility() && [...one.childNodes].some(isText)) {
        const {color, fill, opacity, fontSize, fontWeight} = getComputedStyle(one);
        const look = [color, fill, opacity, fontSize, fontWeight, paper(one)].join();
        looks.set(look, looks.get(look) ?? one);
      }
    }
    const kept = [...looks.values()];
    const repeated = all.filter(one => !kept.some(other => other.contains(one) || one.contains(other)));
    const before = repeated.map(one => [one, one.style.display]);
    repeated.forEach(one => { one.style.display = 'none'; });
    return before;
  }
}
