(function () {
  var box = document.getElementById("filter");
  var rows = Array.prototype.slice.call(document.querySelectorAll("#lost tbody tr"));
  var told = document.getElementById("filter-count");
  if (!box) { return; }
  box.parentNode.hidden = false;
  box.addEventListener("input", function () {
    var wanted = box.value.trim().toLowerCase();
    var shown = 0;
    rows.forEach(function (row) {
      var match = row.textContent.toLowerCase().indexOf(wanted) !== -1;
      row.hidden = !match;
      shown += match ? 1 : 0;
    });
    told.textContent = shown + " of " + rows.length + " shown";
  });
})();
