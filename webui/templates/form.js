/* The form of the options: read, kept over a reload, and what is wrong in it. */

/* What is kept is of this Locust process: the next one may have been started with other options. */
var KEPT = "chaos-form-" + start.session, planned = null, asking = 0;

/* What makes no sense with the other fields is dimmed, and has its default. */
function options() {
  var found = {};
  el("form").querySelectorAll("[name]").forEach(function (input) {
    var field = input.closest(".field"), value = input.value.trim();
    if (input.type === "checkbox") { value = String(input.checked); }
    found[input.name] = field.classList.contains("unused") ? field.dataset["default"] : value;
  });
  return found;
}

/* The options of the form as a run had them. */
function asIn(had) {
  var found = {};
  el("form").querySelectorAll(".field").forEach(function (field) {
    var name = field.dataset.field;
    found[name] = name in had ? had[name].replace(/^(True|False)$/, function (word) { return word.toLowerCase(); }) :
      field.dataset["default"];
  });
  return found;
}

function wrong(problem, name, quietly) {
  el("form").querySelectorAll(".wrong").forEach(function (one) { one.hidden = true; });
  if (!problem) { return; }
  var field = name && el("form").querySelector('[data-field="' + name + '"]');
  var place = field ? field.querySelector(".wrong") : el("form-wrong");
  place.textContent = problem;
  place.hidden = false;
  if (field) {
    var folded = field.closest("details");
    if (folded && !quietly) { folded.open = true; }
    if (!quietly) { field.querySelector("[name]").focus(); }
  }
}

function unused() {
  var values = {};
  el("form").querySelectorAll("[name]").forEach(function (input) { values[input.name] = input.value; });
  el("form").querySelectorAll(".field").forEach(function (field) {
    var wanted = JSON.parse(field.dataset.onlyWith);
    var fits = Object.keys(wanted).every(function (name) {
      return !(name in values) || wanted[name].indexOf(values[name]) !== -1;
    });
    field.classList.toggle("unused", !fits);
  });
}

/* What Start would do with the form as it stands, or what is wrong in it. */
function plan() {
  var mine = ++asking;
  function say(text) { if (mine === asking) { el("plan").textContent = text; } }
  ask("/plan?" + new URLSearchParams(options())).then(function (answer) {
    say(answer.ok && answer.value.plan ? "Start sends " + answer.value.plan : "");
    if (mine === asking && answer.ok) { wrong(answer.value.problem, answer.value.field, true); }
  }, function () { say(""); });
}

function keep() {
  sessionStorage.setItem(KEPT, JSON.stringify(options()));
  unused();
  window.clearTimeout(planned);
  planned = window.setTimeout(plan, 300);
}

function set(name, value) {
  var input = el("form").querySelector('[name="' + name + '"]');
  if (!input) { return; }
  if (input.type === "checkbox") { input.checked = value === "true"; } else { input.value = value; }
}

function restore() {
  var kept = JSON.parse(sessionStorage.getItem(KEPT) || "{}");
  Object.keys(kept).forEach(function (name) { set(name, kept[name]); });
  unused();
  plan();
}
