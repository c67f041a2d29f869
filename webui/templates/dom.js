/* Elements, requests and numbers: what all parts of the page use. */

var start = JSON.parse(document.getElementById("start").textContent);
var root = start.base + "/chaos";
var LOGIN = "the login is over";

/* What the page shows: the last answer about the run that goes on, that run as it was judged, which run is shown below
   as a judged one, and whether the picture is in use. */
var state = null, found = null, shownRun = null, touched = false;

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
  how.redirect = "manual";  // a login that is over would answer with its own page
  how.signal = AbortSignal.timeout(path === "/state" ? 4000 : 25000);
  return fetch(root + path, how).then(function (answer) {
    if (answer.type === "opaqueredirect") { throw new Error(LOGIN); }
    var kind = answer.headers.get("Content-Type") || "";
    return (kind.indexOf("json") === -1 ? answer.text() : answer.json()).then(function (value) {
      return { ok: answer.ok, status: answer.status, value: value };
    });
  });
}

function parsed(html) {
  return Array.prototype.slice.call(new DOMParser().parseFromString(html, "text/html").body.childNodes);
}

/* A table that can be scrolled by keyboard: `kind` names its style, `box` that of what it is scrolled in. */
function table(kind, box, label, heads, body) {
  var head = make("tr", {}, heads.map(function (name) { return make("th", { scope: "col" }, name); }));
  var whole = make("table", { "class": kind + " stacked" }, [make("thead", {}, head), body]);
  return make("div", { "class": box, tabindex: "0", role: "region", "aria-label": label + ", scrollable" }, whole);
}

function cells(values) {
  return values.map(function (value) {
    return Array.isArray(value) ? make("td", { "class": value[1] }, value[0]) : make("td", {}, value);
  });
}

function button(text, act) {
  var made = make("button", { type: "button" }, text);
  made.addEventListener("click", act);
  return made;
}

function card(title, value, note, tone, stale) {
  return make("div", { "class": [tone || "", stale ? "stale" : ""].join(" ").trim() }, [
    make("dt", {}, title), make("dd", {}, value), make("dd", { "class": "note" }, note)
  ]);
}

function count(number) { return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f"); }
function ago(seconds) { return "last known " + Math.round(seconds) + " s ago"; }
function clock(seconds) { return new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, 19); }
