/* The table of runs, and two of them side by side. */

var chosen = [];

function runs() {
  return ask("/runs").then(function (answer) {
    if (!answer.ok) { fill(el("runs-table"), make("p", {}, answer.value.problem)); return; }
    var heads = [
      "compare", "started (UTC)", "scenario", "variant", "planned fault", "rate", "verdict", "lost or phantom", "open"
    ];
    var body = make("tbody", {}, answer.value.map(runRow));
    fill(el("runs-table"), answer.value.length ? table("runs", "wide", "Table of runs", heads, body) :
      make("p", { "class": "soft" }, "No run yet."));
  });
}

function runRow(run) {
  var pick = make("input", { type: "checkbox", "aria-label": "Compare run " + run.run_id });
  pick.checked = chosen.indexOf(run.run_id) !== -1;
  pick.addEventListener("change", function () { choose(run.run_id, pick.checked); });
  if (run.problem) {
    return make("tr", {}, [make("td", {}, ""), make("td", { colspan: "8" }, "run " + run.run_id + ": " + run.problem)]);
  }
  var outage = run.fault ? run.fault + " for " + run.outage_s + " s" : "none";
  var goesOn = state && state.running && state.view.run_id === run.run_id;
  var suspected = run.suspected ? " (" + count(run.suspected) + " suspected)" : "";
  var open = button("Open", function () { showRun(run.run_id).then(function () { window.scrollTo(0, 0); }); });
  open.disabled = Boolean(state && state.running);
  return make("tr", { "class": pick.checked ? "chosen" : null, "data-run": run.run_id }, cells([
    pick, [clock(run.started_at), "whole"], run.scenario, run.variant || run.stack, outage,
    [run.rate + "/s", "number"],
    [run.verdict || (goesOn ? "running" : "not judged"), run.verdict || ""],
    [run.lost === null ? "" : count(run.lost) + suspected, "number"], open
  ]));
}

function choose(id, on) {
  chosen = chosen.filter(function (one) { return one !== id; }).concat(on ? [id] : []).slice(-2);
  el("runs-table").querySelectorAll("tr[data-run]").forEach(function (row) {
    var picked = chosen.indexOf(row.dataset.run) !== -1;
    row.className = picked ? "chosen" : "";
    row.querySelector("input").checked = picked;
  });
  if (chosen.length < 2) { fill(el("compared"), []); return; }
  var order = chosen.slice().sort();
  ask("/compare?first=" + order[0] + "&second=" + order[1]).then(function (answer) {
    if (answer.ok) { compare(answer.value); return; }
    fill(el("compared"), make("p", { "class": "banner bad" }, answer.value.problem));
  });
}

function compare(pair) {
  var keys = pair.map(mainCount), same = keys[0] === keys[1];
  var numbers = pair.map(function (run, at) {
    return (same ? "" : keys[at].replace("_", " ") + " ") + count(run.counts[keys[at]]);
  });
  fill(el("compared"), [
    make("h2", {}, "Side by side, the older run on the left"),
    make("p", { "class": "reason" },
      same ? keys[0].replace("_", " ") + ": " + numbers.join(" \u2192 ") : numbers.join("; ")),
    make("div", { "class": "pair" }, pair.map(function (run) {
      var picture = make("div", {}, run.figure ? parsed(run.figure) : []);
      return make("div", {}, heading(run).concat([make("dl", { "class": "cards" }, foundCards(run)), picture]));
    }))
  ]);
  el("compared").querySelectorAll("figure.picture").forEach(window.figureOf.wire);
}
