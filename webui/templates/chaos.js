/* Actions, and the state of the run, which is asked for over and over. */

/* When the server answered last, what the table of runs was read for, and the run that was shown when it ended. */
var heard = 0, listed = null, ended = null, pictured = null;

function sure(question) {
  var dialog = el("confirm");
  dialog.querySelector("p").textContent = question;
  dialog.returnValue = "";  // else closing it by Escape repeats the last answer
  dialog.showModal();
  return new Promise(function (resolve) {
    dialog.addEventListener("close", function () { resolve(dialog.returnValue === "yes"); }, { once: true });
  });
}

function act() {
  if (mode() === "running") {
    el("act").disabled = true;
    ask("/stop", {}).then(poll, poll);
    return;
  }
  begin(options());
}

function begin(wanted) {
  wrong("");
  ask("/start", { options: wanted }).then(function (answer) {
    if (!answer.ok) { wrong(answer.value.problem, answer.value.field); return; }
    Object.keys(wanted).forEach(function (name) { set(name, wanted[name]); });
    keep();
    ["gap", "verdict", "result"].forEach(function (id) { el(id).hidden = true; });
    shownRun = found = null;
    touched = false;
    window.scrollTo(0, 0);
    poll();
  }).catch(gone);
}

function take() {
  sure("The browser in control will not be able to stop the run any more. Take control?").then(function (yes) {
    if (yes) { ask("/control", {}).then(poll, poll); }
  });
}

function show() {
  el("gone").hidden = true;
  var now = state.view && state.view.run_id;
  if (state.session !== start.session) { window.location.reload(); return; }
  if (found && found.run_id !== now) { found = null; }
  bar();
  steps();
  cards();
  checks();
  el("begin").hidden = Boolean(state.running);
  if (state.running) { el("verdict").hidden = el("result").hidden = true; shownRun = null; }
  if (state.running && pictured !== now) { el("gap").hidden = true; pictured = now; touched = false; }
  if (state.running && state.view.uncounted) { el("gap").hidden = true; }
  if (mode() === "over" && now && ended !== now) { ended = now; showRun(now); }
  var key = String(state.running) + now;
  if (key !== listed) { listed = key; runs(); }
  if (state.view && state.view.not_restored) {
    alarm("NOT RESTORED: the target is not proven healed. `python -m chaos status` shows what is still broken, " +
      "`python -m chaos restore` heals it.");
  } else if (mode() === "over" && !state.view.run_id) {
    alarm("Nothing was broken and no run was made: " + state.view.failure);
  } else if (mode() === "idle" && state.refused) {
    alarm(state.refused);
  }
}

function alarm(text) {
  el("gone").textContent = text;
  el("gone").hidden = false;
}

function gone(error) {
  var silent = Math.round((Date.now() - heard) / 1000);
  if (error && error.message === LOGIN) { alarm("The login is over: load this page again."); return; }
  if (!heard || silent < (document.hidden ? 12 : 4)) { return; }
  alarm("Locust has not answered for " + silent + " s. The page shows the state before that. If the harness has " +
    "ended, its watchdog heals the target; `python -m chaos status` says whether it has.");
  document.title = "no answer \u00b7 Chaos";
}

function poll() {
  return ask("/state").then(function (answer) {
    if (!answer.ok || typeof answer.value !== "object") { throw new Error("HTTP " + answer.status); }
    state = answer.value;
    show();
    heard = Date.now();
  }).catch(gone);
}

function again() {
  poll().then(picture, picture).finally(function () {
    var quick = state && state.running && state.view.phase === "preflight";
    window.setTimeout(again, document.hidden ? 3000 : quick ? 250 : state && state.running ? 1000 : 2000);
  });
}

["input", "keydown", "pointermove"].forEach(function (kind) {
  el("picture").addEventListener(kind, function () { touched = true; });
});
el("picture").addEventListener("pointerleave", function () { touched = false; });
el("act").addEventListener("click", act);
el("take").addEventListener("click", take);
el("form").addEventListener("input", keep);
el("form").addEventListener("submit", function (event) { event.preventDefault(); act(); });
window.setInterval(gone, 1000);
restore();
again();
