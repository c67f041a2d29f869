"""What a browser measures of a page: high rows, broken words, cut text. An accessibility checker sees none of these."""

from typing import Final

GOOD: Final[dict[str, object]] = {"sideways": False, "high": [], "broken": [], "cut": []}

MEASURE: Final = """() => {
  const visible = one => one.getClientRects().length > 0;
  const lines = one => {
    const style = getComputedStyle(one);
    const inner = one.getBoundingClientRect().height - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    return Math.round(inner / parseFloat(style.lineHeight) * 10) / 10;
  };
  const words = text => text.replace(/\\s+/g, ' ').trim().slice(0, 80);
  const high = [...document.querySelectorAll('tr, dt, dd, li')].filter(visible)
    .map(one => [lines(one), words(one.textContent)]).filter(([count]) => count > 4.9);
  const broken = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest('script, style, svg') || !visible(node.parentElement)) { continue; }
    // A compound of two words may be parted at its hyphen; a number, an id or an option may not.
    for (const match of node.data.matchAll(/--[\\w-]+|[^\\s-]+(?:-(?=[^\\s]*\\d)[^\\s-]*)*-?/g)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      const tops = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
      if (tops.size > 1) { broken.push(match[0]); }
    }
  }
  const cut = [...document.querySelectorAll('body *')].filter(visible).filter(one => {
    if (one.closest('svg') || one.matches('input, .wide:has(.seconds)')) { return false; }
    return one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible';
  }).map(one => [one.tagName, one.className, words(one.textContent)]);
  document.querySelectorAll('svg').forEach(svg => {
    if (!visible(svg)) { return; }
    const box = svg.getBoundingClientRect();
    svg.querySelectorAll('text').forEach(text => {
      const own = text.getBoundingClientRect();
      if (own.left < box.left - 1 || own.right > box.right + 1) { cut.push(['text', '', text.textContent]); }
    });
  });
  return {sideways: document.documentElement.scrollWidth > innerWidth, high, broken, cut};
}"""
"""A script that returns what is wrong: `GOOD` when nothing is. A row has at most four lines of text."""
