/* Searches the lists of orders. Each list is in the page whole, packed; without this script its first rows are there. */
(function () {
  "use strict";
  var MOST = 200;

  function unpacked(list) {
    var packed = list.querySelector("[data-packed]").textContent;
    var bytes = Uint8Array.from(atob(packed), function (sign) { return sign.charCodeAt(0); });
    var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  }

  /* Returns the number of lines that hold the wanted text, and the first of them. */
  function found(text, lower, wanted) {
    var count = 0, first = [], at = 0;
    while (at < text.length) {
      var hit = wanted ? lower.indexOf(wanted, at) : at;
      if (hit === -1) { break; }
      var end = text.indexOf("\n", hit);
      end = end === -1 ? text.length : end;
      count += 1;
      if (first.length < MOST) { first.push(text.slice(text.lastIndexOf("\n", hit - 1) + 1, end)); }
      at = end + 1;
    }
    return { count: count, first: first };
  }

  function row(line) {
    var tr = document.createElement("tr");
    line.split("\t").forEach(function (cell, number) {
      var td = document.createElement("td");
      td.textContent = cell;
      if (number === 0 || number === 2) { td.className = number ? "whole" : "id"; }
      tr.appendChild(td);
    });
    return tr;
  }

  /* The whole list as a file, for a reader who has this page alone. A cell that a spreadsheet might run gets a quote. */
  function csvOf(list, text) {
    var quoted = function (cell) {
      return '"' + (/^[=+@\-\t\r]/.test(cell) ? "'" : "") + cell.replace(/"/g, '""') + '"';
    };
    var names = Array.prototype.map.call(list.querySelectorAll("th"), function (one) { return one.textContent; });
    var lines = [names].concat(text.split("\n").map(function (line) { return line.split("\t"); }));
    var csv = lines.map(function (cells) { return cells.map(quoted).join(","); }).join("\r\n") + "\r\n";
    return URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  }

  document.querySelectorAll("[data-list]").forEach(function (list) {
    var box = list.querySelector("input"), status = list.querySelector("[role=status]"), body = list.querySelector("tbody");
    var text = null, lower = null, all = 0;
    if (!("DecompressionStream" in window)) { return; }
    list.querySelector(".search").hidden = false;
    box.addEventListener("input", function () {
      if (text === null) { return; }
      var result = found(text, lower, box.value.trim().toLowerCase());
      body.replaceChildren.apply(body, result.first.map(row));
      var shown = result.count > result.first.length ? ", the first " + result.first.length + " shown" : "";
      status.textContent = result.count + " of " + all + " found" + shown;
    });
    unpacked(list).then(function (whole) {
      text = whole;
      lower = whole.toLowerCase();
      all = found(text, lower, "").count;
      var file = list.querySelector("a[download]");
      file.href = "#";
      file.addEventListener("click", function () {
        URL.revokeObjectURL(file.href);
        file.href = csvOf(list, text);
      });
      if (box.value) { box.dispatchEvent(new Event("input")); }
    });
  });
})();
