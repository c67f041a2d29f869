/* Gives the values of a figure at a moment: under the mouse or finger, and by the keys of its range control. */
(function () {
  "use strict";

  function moment(second) {
    if (second < 600) { return String(Math.round(second * 10) / 10) + " s"; }
    var minutes = Math.floor(Math.round(second) / 60), rest = Math.round(second) % 60;
    return minutes + (rest ? ":" + String(rest).padStart(2, "0") : "") + " min";
  }

  function amount(value, unit) {
    if (unit === "count") { return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f"); }
    if (value === 0) { return "0"; }
    return value < 1 ? Math.round(value * 1000) + " ms" : value.toFixed(1) + " s";
  }

  function readingAt(data, second) {
    var parts = [];
    data.rows.forEach(function (row) {
      var last = row[3].length - 1, place = Math.floor(second / row[1] + 1e-6);
      var value = row[3][second >= data.seconds ? last : Math.min(place, last)];
      if (value !== null && value !== undefined) { parts.push(row[0] + " " + amount(value, row[2])); }
    });
    var inside = function (stretch) { return stretch[0] <= second && (stretch[1] === null || second < stretch[1] ||
      (second >= data.seconds && stretch[1] >= data.seconds)); };
    var place = data.phases.filter(inside).concat(data.bands.filter(inside)).map(function (one) { return one[2]; });
    return "at " + moment(second) + (place.length ? ", " + place.join(", ") : "") + ": " + (parts.join(" \u00b7 ") || "nothing is known");
  }

  function show(figure, second) {
    var box = figure.querySelector(".reading"), range = box.querySelector("input"), words = "";
    figure.querySelectorAll("svg[data-reading]").forEach(function (svg) {
      var data = JSON.parse(svg.dataset.reading), line = svg.querySelector(".cursor");
      var at = Math.min(Math.max(second, 0), data.seconds);
      var x = data.left + (data.right - data.left) * (data.seconds ? at / data.seconds : 0);
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
      line.setAttribute("visibility", "visible");
      range.max = data.seconds;
      range.value = at;
      words = readingAt(data, at);
    });
    range.setAttribute("aria-valuetext", words);
    box.querySelector("output").textContent = words;
    box.hidden = false;
  }

  function wire(figure) {
    var range = figure.querySelector(".reading input");
    range.addEventListener("input", function () { show(figure, Number(range.value)); });
    range.addEventListener("keydown", function (event) {
      var steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
      if (!(event.key in steps)) { return; }
      event.preventDefault();
      var svg = figure.querySelector("svg[data-reading]");
      var step = Math.max(1, JSON.parse(svg.dataset.reading).step) * steps[event.key];
      show(figure, Number(range.value) + step);
    });
    figure.addEventListener("pointermove", function (event) {
      var svg = event.target.closest("svg[data-reading]");
      if (!svg) { return; }
      var data = JSON.parse(svg.dataset.reading), box = svg.getBoundingClientRect();
      var x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      show(figure, data.seconds * (x - data.left) / (data.right - data.left));
    });
    show(figure, Number(range.value));
  }

  document.querySelectorAll("figure.picture").forEach(wire);
  window.figureOf = { show: show, wire: wire };
})();
