/* The page of the harness: asks for the state of the run once or twice a second and shows it; no other page is asked. */
(function () {
  "use strict";

  var start = JSON.parse(document.getElementById("start").textContent);
  var root = start.base + "/chaos";
  var state = null, heard = 0, touched = false, shownRun = null, listed = null, found = null;

  function el(id) { return document.getElementById(id); }

  function make(name, attributes, children) {
    var made = document.createElement(name);
    Object.keys(attributes || {}).forEach(function (key) {
      if (attributes[key] !== null && attributes[key] !== undefined) { made.setAttribute(key, attributes[key]); }
    });
    [].concat(children === undefined ? [] : children).forEach(function (child) {
      made.append(child instanceof Node ? child : String(child));
    });
    return made;
  }

  function fill(place, children) { place.replaceChildren.apply(place, [].concat(children)); }

  function ask(path, body) {
    var how = body === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body)
    };
    return fetch(root + path, how).then(function (answer) {
      var kind = answer.headers.get("Content-Type") || "";
      return (kind.indexOf("json") === -1 ? answer.text() : answer.json()).then(function (value) {
        return { ok: answer.ok, status: answer.status, value: value };
      });
    });
  }

  function count(number) { return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f"); }
  function ago(seconds) { return "last known " + Math.round(seconds) + " s ago"; }

  /* -- the bar ----------------------------------------------------------------------------------------------------- */

  function mode() {
    if (!state || !state.view) { return "idle"; }
    if (state.running) { return "running"; }
    return "over";
  }

  function sentence() {
    var view = state && state.view;
    if (!view) { return state && state.refused ? "Refused" : "Ready: press Start"; }
    if (!state.running) {
      if (view.not_restored) { return "NOT RESTORED"; }
      if (!view.run_id) { return "Ended in preflight"; }
      return found ? found.verdict.toUpperCase() + " \u2014 " + found.reason : view.failure ? "Ended early: " + view.failure : "Over";
    }
    var left = view.seconds_left === null ? "" : ", " + Math.round(view.seconds_left) + " s to go";
    var ending = view.failure ? view.phase + " \u2014 ending early: " + view.failure : "";
    var doing = view.awaited || view.text;
    return ending || view.phase + left + (doing ? " \u2014 " + doing : "");
  }

  function bar() {
    var act = el("act"), now = mode(), down = isDown();
    el("now").textContent = sentence();
    act.hidden = false;
    act.className = now === "running" ? "stop" : "";
    var ran = now === "over" && state.view.run_id;
    act.textContent = now === "running" ? stopWords() : ran ? "Run again" : now === "over" ? "Try again" : "Start";
    var tone = now !== "over" ? "" : found ? TONES[found.verdict] : state.view.not_restored || !ran ? "bad" : "";
    document.querySelector(".bar").className = ("bar " + tone).trim();
    act.disabled = now === "running" && (!state.may_act || Boolean(state.view.failure));
    el("viewer").hidden = !(state && state.running && !state.may_act);
    var missing = missingNow();
    var title = now === "running" ? (down ? state.view.state.word.toUpperCase() : state.view.phase) +
      (missing ? " \u00b7 " + missing + " not in Kafka" : "") : now;
    document.title = title + " \u00b7 Chaos";
    var icon = now === "running" ? (down ? "down" : missing ? "doubt" : "up") : "idle";
    var link = document.querySelector("link[rel=icon]");
    if (link.getAttribute("href") !== start.icons[icon]) { link.setAttribute("href", start.icons[icon]); }
  }

  function stopWords() {
    var view = state.view;
    if (view.phase === "reconcile") { return "Do not judge"; }
    return view.target && view.phase !== "preflight" && view.phase !== "baseline" ? "Stop and heal" : "Stop";
  }

  function isDown() {
    var view = state && state.view;
    return Boolean(view && view.state && (view.state.word === "down" || view.state.word === "degraded"));
  }

  function missingNow() {
    var view = state && state.view;
    return view && view.snapshot && view.asked === "acknowledged" ? view.snapshot.counts.without_event : 0;
  }

  /* -- phases, numbers, checks ------------------------------------------------------------------------------------- */

  function steps() {
    var view = state.view, place = el("steps");
    place.hidden = !view;
    if (!view) { return; }
    fill(place, view.steps.map(function (step) {
      var hit = step.state === "now" && isDown() ? " hit" : "";
      if (step.name === "reconcile" && step.state === "done" && found) { hit = " " + TONES[found.verdict]; }
      var current = step.state === "now" ? "step" : null;
      return make("li", { "class": step.state.replace(" ", "-") + hit, "aria-current": current }, [
        make("span", {}, step.name), make("span", {}, step.words)
      ]);
    }));
  }

  function card(title, value, note, tone, stale) {
    return make("div", { "class": [tone || "", stale ? "stale" : ""].join(" ").trim() }, [
      make("dt", {}, title), make("dd", {}, value), make("dd", { "class": "note" }, note)
    ]);
  }

  function targetCard(view) {
    if (!view.target) { return card("the target", "none", "this run breaks nothing"); }
    var seen = view.state, word = seen ? seen.word : "unknown";
    if (!seen && view.phase === "reconcile") { return card("the " + view.target, "back", "healed, and not probed any more"); }
    var tone = { up: "good", down: "bad", degraded: "bad", unknown: "doubt" }[word];
    return card("the " + view.target + " is", word.toUpperCase(), seen ? seen.how : "not probed yet", tone);
  }

  function backlogAge(view) {
    var age = view.snapshot.backlog_at === null ? 0 : view.snapshot.at - view.snapshot.backlog_at;
    return age >= 3 ? "; " + ago(age) : "";
  }

  function countCards(view) {
    var counts = view.snapshot.counts, old = view.read_s === null || view.read_s >= 1;
    var age = view.read_s === null ? "the topic has not been read to its end yet" : old ? ago(view.read_s) : "read " + Math.round(view.read_s * 1000) + " ms ago";
    var errors = counts.ambiguous + counts.rejected;
    var open = counts.unanswered ? ", " + count(counts.unanswered) + " not answered yet" : "";
    var first = card(view.asked, count(counts.answered), "of " + count(counts.sent) + " sent, " + count(errors) + " answered otherwise or failed" + open);
    if (view.asked !== "acknowledged") {
      return [first, card("their events in Kafka", count(counts.with_event), age + "; phantom if no row is found", counts.with_event ? "bad" : "", old)];
    }
    var kafka = card("of these in Kafka", count(counts.with_event), age, "", old);
    var odd = view.snapshot.untagged;
    var untagged = odd ? "; " + count(odd) + (odd === 1 ? " record without a tag may be an event of theirs" : " records without a tag may be events of theirs") : "";
    var when = view.phase === "reconcile" ? "being judged" : "may still come; judged after the drain";
    var shown = [first, kafka, card("acknowledged, not in Kafka", count(counts.without_event),
      when + untagged, counts.without_event ? "bad" : "good")];
    if (counts.waiting) { shown.push(card("pending in the outbox", count(counts.waiting), "acknowledged, not in Kafka yet" + backlogAge(view), "doubt")); }
    if (counts.may_be_lost) { shown.push(card("ambiguous, not in Kafka", count(counts.may_be_lost), "may be lost too", "doubt")); }
    if (counts.event_only) { shown.push(card("in Kafka, not acknowledged", count(counts.event_only), "whether they have a row is judged after the drain")); }
    return shown;
  }

  function cards() {
    var view = state.view, place = el("cards");
    if (!(view && state.running)) { return; }
    place.hidden = false;
    var shown = [targetCard(view)];
    if (view.uncounted) { shown.push(card("live numbers", "none", view.uncounted, "doubt")); }
    else if (view.snapshot) { shown = shown.concat(countCards(view)); }
    fill(place, shown);
  }

  function checks() {
    var view = state.view, place = el("checks");
    place.hidden = !(view && state.running && view.phase === "preflight");
    if (!place.hidden) {
      fill(place, view.checks.map(function (one) { return make("li", {}, one.name + ": " + one.detail); }));
    }
  }

  function picture() {
    var view = state.view;
    if (!view || !state.running || !view.snapshot) { return; }
    ask("/picture").then(function (answer) {
      if (!answer.ok || !answer.value || !state.running) { return; }
      showPicture(answer.value);
    }, function () { /* the next answer shows it */ });
  }

  function showPicture(html) {
    var place = el("picture"), before = place.querySelector("input[type=range]");
    var held = touched && before ? Number(before.value) : null;
    var focused = before !== null && before === document.activeElement;
    var parsed = new DOMParser().parseFromString(html, "text/html").body;
    fill(place, Array.prototype.slice.call(parsed.childNodes));
    el("gap").hidden = false;
    var figure = place.querySelector("figure");
    el("gap-title").textContent = figure.querySelector("svg").getAttribute("aria-label");
    window.figureOf.wire(figure);
    if (held !== null) { window.figureOf.show(figure, held); }
    if (focused) { figure.querySelector("input[type=range]").focus(); }
  }

  /* -- what was found ---------------------------------------------------------------------------------------------- */

  var TONES = { consistent: "", inconsistent: "bad", inconclusive: "doubt" };
  var SIGNS = { consistent: "\u2713", inconsistent: "\u2717", inconclusive: "?" };

  function clock(seconds) { return new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, 19); }

  function button(text, act) {
    var made = make("button", { type: "button" }, text);
    made.addEventListener("click", act);
    return made;
  }

  function fileLink(run, name, text) {
    return make("a", { "class": "button", href: root + "/runs/" + run + "/files/" + name, target: "_blank", rel: "noopener" }, text);
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

  function foundCards(run) {
    var counts = run.counts, phantom = run.scenario === "phantom-event";
    var key = phantom ? "phantom_events" : "lost_events", main = counts[key];
    var least = phantom ? 0 : counts.lost_at_least, doubted = phantom ? counts.suspected_phantom + counts.disputed_phantom :
      counts.suspected_lost + counts.disputed;
    var of = phantom ? "of " + count(counts.events) + " orders with an event" : "of " + count(counts.rows) + " stored orders";
    var bad = main > 0 || least > 0;
    var shown = [card(key.replace("_", " "), least > main ? "at least " + count(least) : count(main),
      doubted && !bad ? "none proven" : of, bad ? "bad" : doubted ? "" : "good")];
    run.lists.filter(function (list) { return list.name !== key.replace("_", "-") + ".csv"; }).forEach(function (list) {
      var doubt = /suspected|disputed/.test(list.name);
      shown.push(card(list.title.toLowerCase(), count(list.count), doubt ? "not proven, and not ruled out" : "", doubt ? "doubt" : "bad"));
    });
    var errors = counts.attempted - counts.acknowledged - counts.provoked;
    if (counts.late_events) { shown.push(card("late events", count(counts.late_events), "sent before the target was back, in Kafka after it")); }
    shown.push(card("the client saw", count(errors) + (errors === 1 ? " error" : " errors"), "in " + count(counts.attempted) + " orders sent"));
    shown.push(card("can it be trusted?", run.guards.passed + " of " + run.guards.of, "guards passed",
      run.guards.passed === run.guards.of ? "good" : "doubt"));
    return shown;
  }

  function copy(text, from) {
    navigator.clipboard.writeText(text).then(function () { from.textContent = "Copied"; },
      function () { from.textContent = "The browser does not allow it"; });
  }

  function buttons(run) {
    var id = run.run_id, shown = [fileLink(id, "report.html", "Full report")];
    run.lists.forEach(function (list) { shown.push(fileLink(id, list.name, list.name + " (" + count(list.count) + ")")); });
    if (run.replay) { shown.push(fileLink(id, "lost-events.ndjson", "lost-events.ndjson")); }
    var copied = button("Copy a summary", function () { copy(run.summary, copied); });
    shown.push(copied);
    if (run.stack !== "external" && run.variant !== "outbox" && run.scenario === "lost-event") {
      shown.push(button("Run with outbox", function () { begin(Object.assign(options(), { service_variant: "outbox" })); }));
    }
    return make("div", { "class": "buttons" }, shown);
  }

  function showRun(id) {
    return ask("/runs/" + encodeURIComponent(id)).then(function (answer) {
      var place = el("verdict");
      place.hidden = false;
      if (!answer.ok) { fill(place, make("p", { "class": "banner bad" }, answer.value.problem)); return; }
      var run = answer.value;
      shownRun = id;
      if (state.view && state.view.run_id === id) { found = run; bar(); steps(); }
      fill(place, heading(run));
      fill(el("cards"), foundCards(run));
      el("cards").hidden = false;
      el("gap").hidden = !run.figure;
      if (run.figure) { touched = false; showPicture(run.figure); }
      var failed = run.failed.length ? [make("h2", {}, "Guards that failed"), make("ul", {}, run.failed.map(function (one) { return make("li", {}, one); }))] : [];
      fill(el("result"), [buttons(run)].concat(failed, run.lists.map(function (list) { return ordersOf(run, list); })));
      el("result").hidden = false;
    });
  }

  function ordersOf(run, list) {
    var box = make("input", { type: "search", "aria-label": "Search " + list.title.toLowerCase(), placeholder: "Search by id, time or cause", autocomplete: "off" });
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
    return make("section", {}, [make("h2", {}, list.title), box, status, make("div", { "class": "list", tabindex: "0", role: "region", "aria-label": list.title + ", scrollable" }, [
      make("table", { "class": "orders stacked" }, [make("thead", {}, make("tr", {}, ["order", "sent (UTC)", "phase", "cause or moment"].map(function (name) {
        return make("th", { scope: "col" }, name);
      }))), body])
    ])]);
  }

  function orderRow(run, row) {
    var open = button(row.order_id || "without an id", function () { traceOf(run, row, line); });
    open.className = "id";
    var line = make("tr", {}, [make("td", {}, open), make("td", { "class": "whole" }, row.sent_at), make("td", {}, row.phase), make("td", {}, row.cause)]);
    return line;
  }

  function traceOf(run, row, line) {
    var next = line.nextElementSibling;
    if (next && next.classList.contains("trace")) { next.remove(); return; }
    var text = make("pre", { tabindex: "0" }, "reading \u2026");
    line.after(make("tr", { "class": "trace" }, make("td", { colspan: "4" }, text)));
    ask("/runs/" + run.run_id + "/trace?order=" + encodeURIComponent(row.order_id)).then(function (answer) {
      text.textContent = answer.ok ? answer.value : answer.value.problem;
    });
  }

  /* -- runs -------------------------------------------------------------------------------------------------------- */

  var chosen = [];

  function runs() {
    return ask("/runs").then(function (answer) {
      if (!answer.ok) { fill(el("runs-table"), make("p", {}, answer.value.problem)); return; }
      var head = ["compare", "started (UTC)", "scenario", "variant", "planned fault", "rate", "verdict", "lost or phantom", "open"];
      fill(el("runs-table"), answer.value.length ? make("div", { "class": "wide", tabindex: "0", role: "region", "aria-label": "Table of runs, scrollable" }, make("table", { "class": "runs stacked" }, [
        make("thead", {}, make("tr", {}, head.map(function (name) { return make("th", { scope: "col" }, name); }))),
        make("tbody", {}, answer.value.map(runRow))
      ])) : make("p", { "class": "soft" }, "No run yet."));
    });
  }

  function runRow(run) {
    var pick = make("input", { type: "checkbox", "aria-label": "Compare run " + run.run_id });
    pick.checked = chosen.indexOf(run.run_id) !== -1;
    pick.addEventListener("change", function () { choose(run.run_id, pick.checked); });
    var outage = run.fault ? run.fault + " for " + run.outage_s + " s" : "none";
    return make("tr", { "class": pick.checked ? "chosen" : null }, [
      make("td", {}, pick), make("td", { "class": "whole" }, clock(run.started_at)), make("td", {}, run.scenario), make("td", {}, run.variant || run.stack),
      make("td", {}, outage), make("td", { "class": "number" }, run.rate), make("td", { "class": run.verdict || "" }, run.verdict || (state && state.running && state.view.run_id === run.run_id ? "running" : "not judged")),
      make("td", { "class": "number" }, run.lost === null ? "" : count(run.lost) + (run.suspected ? " (" + count(run.suspected) + " suspected)" : "")),
      make("td", {}, button("Open", function () { showRun(run.run_id).then(function () { window.scrollTo(0, 0); }); }))
    ]);
  }

  function choose(id, on) {
    chosen = chosen.filter(function (one) { return one !== id; }).concat(on ? [id] : []).slice(-2);
    runs();
    if (chosen.length < 2) { fill(el("compared"), []); return; }
    var order = chosen.slice().sort();
    ask("/compare?first=" + order[0] + "&second=" + order[1]).then(function (answer) {
      if (!answer.ok) { fill(el("compared"), make("p", { "class": "banner bad" }, answer.value.problem)); return; }
      var key = answer.value[0].scenario === "phantom-event" ? "phantom_events" : "lost_events";
      var change = key.replace("_", " ") + ": " + answer.value.map(function (run) { return count(run.counts[key]); }).join(" \u2192 ");
      fill(el("compared"), [make("h2", {}, "Side by side, the older run on the left"), make("p", { "class": "reason" }, change), make("div", { "class": "pair" }, answer.value.map(function (run) {
        var picture = make("div");
        if (run.figure) { fill(picture, Array.prototype.slice.call(new DOMParser().parseFromString(run.figure, "text/html").body.childNodes)); }
        return make("div", {}, heading(run).concat([make("dl", { "class": "cards" }, foundCards(run)), picture]));
      }))]);
      el("compared").querySelectorAll("figure.picture").forEach(window.figureOf.wire);
    });
  }

  /* -- the form ---------------------------------------------------------------------------------------------------- */

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

  function keep() { sessionStorage.setItem("chaos-form", JSON.stringify(options())); unused(); }

  function set(name, value) {
    var input = el("form").querySelector('[name="' + name + '"]');
    if (!input) { return; }
    if (input.type === "checkbox") { input.checked = value === "true"; } else { input.value = value; }
  }

  function restore() {
    var kept = JSON.parse(sessionStorage.getItem("chaos-form") || "{}");
    Object.keys(kept).forEach(function (name) { set(name, kept[name]); });
    unused();
  }

  /* -- actions ----------------------------------------------------------------------------------------------------- */

  function sure(question) {
    var dialog = el("confirm");
    dialog.querySelector("p").textContent = question;
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
    });
  }

  function take() {
    sure("The browser in control will not be able to stop the run any more. Take control?").then(function (yes) {
      if (yes) { ask("/control", {}).then(poll, poll); }
    });
  }

  /* -- over and over ----------------------------------------------------------------------------------------------- */

  function show() {
    el("gone").hidden = true;
    bar();
    steps();
    cards();
    checks();
    el("begin").hidden = Boolean(state.running);
    var ended = mode() === "over" && state.view.run_id;
    if (ended && shownRun === null) { shownRun = ended; showRun(ended); }
    if (state.running) { el("verdict").hidden = el("result").hidden = true; }
    var key = String(state.running) + (state.view && state.view.run_id);
    if (key !== listed) { listed = key; runs(); }
    if (!state.running && state.view && state.view.not_restored) {
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

  function gone() {
    var silent = Math.round((Date.now() - heard) / 1000);
    if (!heard || silent < 3) { return; }
    alarm("Locust has not answered for " + silent + " s. The page shows the state before that. If the harness has ended, " +
      "its watchdog heals the target; `python -m chaos status` says whether it has.");
    document.title = "no answer \u00b7 Chaos";
  }

  function poll() {
    return ask("/state").then(function (answer) {
      if (!answer.ok) { throw new Error("HTTP " + answer.status); }
      state = answer.value;
      heard = Date.now();
      show();
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
  restore();
  again();
})();
