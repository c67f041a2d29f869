/* The form of the options: read, kept over a reload, and what is wrong in it. */

/* What is kept is of this Locust process: the next one may have been started with other options. */
var KEPT = "chaos-form-" + start.session, planned = null, asking = 0;

function options() {
  var found = {};
  el("form").querySelectorAll("[name]").forEach(function (input) {
    found[input.name] = input.type === "checkbox" ? String(input.checked) : input.value.trim();
  });
  return found;
}

function wrong(problem, name) {
  el("form").querySelectorAll(".wrong").forEach(function (one) { one.hidden = true; });
  if (!problem) { return; }
  var field = name && el("form").querySelector('[data-field="' + name + '"]');
  var place = field ? field.querySelector(".wrong") : el("form-wrong");
  place.textContent = problem;
  place.hidden = false;
  if (field) {
    var folded = field.closest("details");
    if (folded) { folded.open = true; }
    field.querySelector("[name]").focus();
  }
}

function unused() {
  var values = options();
  el("form").querySelectorAll(".field").forEach(function (field) {
    var wanted = JSON.parse(field.dataset.onlyWith);
    var fits = Object.keys(wanted).every(function (name) {
      return !(name in values) || wanted[name].indexOf(values[name]) !== -1;
    });
    field.classList.toggle("unused", !fits);
  });
}

/* What Start would do with the form as it stands; nothing while something is wrong in it, which Start says. */
function plan() {
  var mine = ++asking;
  function tell(text) { if (mine === asking) { el("plan").textContent = text; } }
  ask("/plan?" + new URLSearchParams(options())).then(function (answer) {
    tell(answer.ok && answer.value.plan ? "Start sends " + answer.value.plan : "");
  }, function () { tell(""); });
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
