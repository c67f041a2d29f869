/* A run that was judged: verdict, numbers, lists with search, traces. */

var TONES = { consistent: "", inconsistent: "bad", inconclusive: "doubt" };
var SIGNS = { consistent: "\u2713", inconsistent: "\u2717", inconclusive: "?" };

function fileLink(run, name, text) {
  var address = root + "/runs/" + run + "/files/" + name;
  return make("a", { "class": "button", href: address, target: "_blank", rel: "noopener" }, text);
}

function heading(run) {
  return [
    make("p", { "class": "verdict " + run.verdict }, [
      make("span", { "aria-hidden": "true" }, SIGNS[run.verdict]), " " + run.verdict.toUpperCase()
    ]),
    make("p", { "class": "reason" }, run.reason),
    make("p", { "class": "soft" }, "Run " + run.run_id + "; expected: " + run.expect + ", " +
      (run.met === null ? "undecided" : run.met ? "met" : "not met") + "; exit code " + run.exit_code)
  ];
}

function mainCount(run) { return run.scenario === "phantom-event" ? "phantom_events" : "lost_events"; }

function foundCards(run) {
  return run.cards.map(function (one) { return card(one.title, one.value, one.note, one.tone); });
}

function copy(text, from) {
  function said(done) { from.textContent = done ? "Copied" : "The browser does not allow it"; }
  if (!navigator.clipboard) { said(copySelected(text, from)); return; }
  navigator.clipboard.writeText(text).then(
    function () { said(true); }, function () { said(copySelected(text, from)); }
  );
}

/* Without TLS, under another name than localhost, a page has no clipboard: what is selected can still be copied. */
function copySelected(text, from) {
  var box = make("textarea", {}, text);
  from.after(box);
  box.select();
  var done = document.execCommand("copy");
  box.remove();
  from.focus();
  return done;
}

function buttons(run) {
  var id = run.run_id, shown = [fileLink(id, "report.html", "Full report")];
  run.lists.forEach(function (list) {
    shown.push(fileLink(id, list.name, list.name + " (" + count(list.count) + ")"));
  });
  if (run.replay) { shown.push(fileLink(id, "lost-events.ndjson", "lost-events.ndjson")); }
  var copied = button("Copy a summary", function () { copy(run.summary, copied); });
  shown.push(copied);
  var loses = run.verdict !== "consistent" && run.scenario === "lost-event";
  if (loses && run.stack !== "external" && run.variant !== "outbox") {
    shown.push(button("Run with outbox", function () {
      begin(Object.assign(asIn(run.options), { service_variant: "outbox" }));
    }));
  }
  return make("div", { "class": "buttons" }, shown);
}

function showRun(id) {
  shownRun = id;
  bar();
  steps();
  return ask("/runs/" + encodeURIComponent(id)).then(function (answer) {
    var place = el("verdict");
    place.hidden = false;
    if (state.running || shownRun !== id) { return; }
    if (!answer.ok) {
      fill(place, make("p", { "class": "banner bad" }, answer.value.problem));
      ["cards", "gap", "result"].forEach(function (part) { el(part).hidden = true; });
      return;
    }
    var run = answer.value;
    if (state.view && state.view.run_id === id) { found = run; bar(); steps(); }
    fill(place, heading(run));
    fill(el("cards"), foundCards(run));
    el("cards").hidden = false;
    el("gap").hidden = !run.figure;
    if (run.figure) { touched = false; showPicture(run.figure); }
    var lists = run.lists.map(function (list) { return ordersOf(run, list); });
    fill(el("result"), [buttons(run)].concat(guardsOf(run), lists));
    el("result").hidden = false;
  });
}

function guardsOf(run) {
  if (!run.failed.length) { return []; }
  var failed = run.failed.map(function (one) { return make("li", {}, one); });
  return [make("h2", {}, "Guards that failed"), make("ul", {}, failed)];
}

function ordersOf(run, list) {
  var box = make("input", {
    type: "search", "aria-label": "Search " + list.title.toLowerCase(), placeholder: "id, time or cause",
    autocomplete: "off"
  });
  var status = make("p", { "class": "soft", role: "status" }), body = make("tbody"), last = 0;
  function find() {
    var mine = ++last, query = "?name=" + encodeURIComponent(list.name) + "&wanted=" + encodeURIComponent(box.value);
    ask("/runs/" + run.run_id + "/orders" + query).then(function (answer) {
      if (mine !== last) { return; }
      if (!answer.ok) { status.textContent = answer.value.problem; return; }
      var found = answer.value;
      status.textContent = count(found.matching) + " of " + count(found.total) +
        (found.matching > found.rows.length ? ", the first " + found.rows.length + " shown" : "");
      fill(body, found.rows.map(function (row) { return orderRow(run, row); }));
    });
  }
  box.addEventListener("input", find);
  find();
  var heads = ["order", "sent (UTC)", "phase", "cause or moment"];
  var shown = table("orders", "list", list.title, heads, body);
  return make("section", {}, [make("h2", {}, list.title), box, status, shown]);
}

function orderRow(run, row) {
  var named = row.order_id || row.customer_id;
  var open = named ? button(row.order_id || "without an id", function () { traceOf(run, named, line); }) : "without an id";
  if (named) { open.className = "id"; }
  var line = make("tr", {}, cells([open, [row.sent_at, "whole"], row.phase, row.cause]));
  return line;
}

function traceOf(run, named, line) {
  var next = line.nextElementSibling;
  if (next && next.classList.contains("trace")) { next.remove(); return; }
  var text = make("pre", { tabindex: "0" }, "reading \u2026");
  line.after(make("tr", { "class": "trace" }, make("td", { colspan: "4" }, text)));
  ask("/runs/" + run.run_id + "/trace?order=" + encodeURIComponent(named)).then(function (answer) {
    text.textContent = answer.ok ? answer.value : answer.value.problem;
  });
}
