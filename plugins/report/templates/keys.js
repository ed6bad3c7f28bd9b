// The headings of the table sort it by keyboard, too; every redraw keeps the same heading elements.
document.querySelectorAll('#results-table-head .sortable').forEach((heading) => {
  heading.tabIndex = 0
  heading.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      heading.click()
      heading.focus()
    }
  })
})
