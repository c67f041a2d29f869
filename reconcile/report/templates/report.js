(function () {
  document.querySelectorAll("[data-list]").forEach(function (list) {
    var box = list.querySelector("input");
    var rows = Array.prototype.slice.call(list.querySelectorAll("tbody tr"));
    var status = list.querySelector("[role=status]");
    box.parentNode.hidden = false;
    box.addEventListener("input", function () {
      var wanted = box.value.trim().toLowerCase();
      var shown = 0;
      rows.forEach(function (row) {
        var match = row.textContent.toLowerCase().indexOf(wanted) !== -1;
        row.hidden = !match;
        shown += match ? 1 : 0;
      });
      status.textContent = shown + " of " + rows.length + " shown";
    });
  });
})();
