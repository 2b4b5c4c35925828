"use strict";
// Steps through a run. Everything shown is text of the data block; markup is never made of it.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const svg = $("graph").querySelector("svg");
  const folded = new Map(); // loop -> the number of the trip that is unfolded, or 0
  let stops = [];
  let at = 0;

  function made(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  // --- the stops that are to be seen, given which loops are folded -----------------------------

  function tripOf(loop) {
    const wanted = folded.get(loop.loop) || 0;
    return wanted ? loop.trips.find((t) => t.number === wanted) : undefined;
  }

  function forward(events, out) {
    for (const e of events) {
      if (e.kind === "silent") out.push({ silent: true, set: e.set });
      else if (e.kind === "step") out.push({ way: "forward", kind: "step", event: e, set: e.set });
      else if (e.kind === "branch") {
        out.push({ way: "forward", kind: "branch", event: e, set: e.test });
        forward(e.events, out);
        out.push({ silent: true, set: e.set });
      } else {
        const trip = tripOf(e);
        if (trip) {
          out.push({ way: "forward", kind: "trip", event: e, trip, set: trip.set });
          forward(trip.events, out);
          out.push({ way: "forward", kind: "loop", event: e, set: e.set });
        } else out.push({ way: "forward", kind: "loop", event: e, set: e.set });
      }
    }
  }

  function backward(events, out) {
    for (const e of [...events].reverse()) {
      if (e.kind === "step") {
        if (e.back) out.push({ way: "backward", kind: "back", event: e, adj: e.back.adj });
      } else if (e.kind === "branch") {
        const inner = [];
        backward(e.events, inner);
        if (inner.some((s) => !s.silent)) out.push({ way: "backward", kind: "branch", event: e, adj: [] });
        out.push(...inner, { silent: true, adj: e.adj || [] });
      } else if (e.kind === "loop" && e.matters) {
        const trip = tripOf(e);
        if (trip) {
          out.push({ way: "backward", kind: "trip", event: e, trip, adj: trip.adj || [] });
          backward(trip.events, out);
          out.push({ way: "backward", kind: "loop", event: e, adj: e.adj || [] });
        } else out.push({ way: "backward", kind: "loop", event: e, adj: e.adj || [] });
      } else out.push({ silent: true, adj: e.adj || [] });
    }
  }

  function rebuild() {
    const all = [{ way: "forward", kind: "leaves", set: data.leaves.map((l) => [l.name, l.short]) }];
    forward(data.events, all);
    all.push({ way: "backward", kind: "seed", adj: data.seed.adj });
    backward(data.events, all);
    all.push({ way: "backward", kind: "end" });
    // What is silent belongs to the stop before it.
    stops = [];
    for (const s of all) {
      if (!s.silent) stops.push(Object.assign({}, s, { set: [...(s.set || [])], adj: [...(s.adj || [])] }));
      else {
        stops[stops.length - 1].set.push(...(s.set || []));
        stops[stops.length - 1].adj.push(...(s.adj || []));
      }
    }
  }

  // --- the graph --------------------------------------------------------------------------------

  const boxes = [...svg.querySelectorAll(".node")];
  const boxOf = new Map();
  for (const box of boxes) {
    // A value's box is the one that it gives its name to; else the first that it is computed in.
    for (const name of (box.dataset.values || "").split(" ")) if (name && !boxOf.has(name)) boxOf.set(name, box);
  }
  for (const box of boxes) {
    const name = box.dataset.value;
    if (name && !box.classList.contains("output")) boxOf.set(name, box);
  }
  const outputs = boxes.filter((box) => box.classList.contains("output"));
  const edges = [...svg.querySelectorAll(".edge")];
  const own = (box) => box.id.slice(box.id.indexOf("-run-") + 5);
  const labels = new Map(); // box -> its two texts

  function labelOf(box) {
    if (labels.has(box)) return labels.get(box);
    const first = edges.find((e) => e.dataset.source === own(box) && e.querySelector("text.value"));
    const shape = box.querySelector("rect, path").getBBox();
    let x, y;
    if (box.matches(".leaf, .input")) {
      // Nothing comes in there, and below it other numbers would be near.
      x = shape.x;
      y = shape.y - 16;
    } else if (first) {
      const text = first.querySelector("text.value");
      x = Number(text.getAttribute("x"));
      y = Number(text.getAttribute("y"));
    } else {
      x = shape.x + shape.width + 6;
      y = shape.y + shape.height / 2;
    }
    const pair = ["forward", "backward"].map((way, k) => {
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      text.setAttribute("class", "number " + way);
      text.setAttribute("x", x);
      text.setAttribute("y", y + 12 * k);
      svg.querySelector("g[transform]").appendChild(text);
      return text;
    });
    labels.set(box, pair);
    return pair;
  }

  function write(name, which, text) {
    const box = boxOf.get(name);
    // A line's box speaks for its last value alone.
    if (box && (!box.classList.contains("line") || box.dataset.value === name)) labelOf(box)[which].textContent = text;
  }

  function drawGraph(stop) {
    for (const pair of labels.values()) for (const text of pair) text.textContent = "";
    const reached = new Set();
    for (let k = 0; k <= at; k++) {
      for (const [name, text] of stops[k].set) {
        write(name, 0, text);
        reached.add(boxOf.get(name));
      }
      for (const [name, text] of stops[k].adj) write(name, 1, "∂ " + text);
    }
    for (const box of outputs) if (stop.way === "backward") reached.add(box);
    for (const box of boxes) {
      box.classList.toggle("ahead", !reached.has(box));
      box.classList.remove("now");
    }
    for (const edge of edges) edge.classList.remove("used");
    for (const region of svg.querySelectorAll(".region")) region.classList.remove("now");
    let box = null;
    if (stop.kind === "step" || stop.kind === "back") {
      // What is only another shape of its operand is drawn with it.
      box = boxOf.get(stop.event.at) || boxOf.get((stop.event.from[0] || {}).name) || null;
      const names = (stop.kind === "step" ? stop.event.from : stop.event.back.shares).map((o) => boxOf.get(o.name));
      for (const edge of edges) {
        const into = box && edge.dataset.target === own(box);
        if (into && names.some((n) => n && own(n) === edge.dataset.source)) edge.classList.add("used");
      }
    } else if (stop.kind === "branch") box = boxOf.get(stop.event.at);
    else if (stop.kind === "seed") box = outputs[0] || boxOf.get((stop.adj[0] || [])[0]);
    if (box) box.classList.add("now");
    let shown = box;
    if (stop.kind === "loop" || stop.kind === "trip") {
      const line = String(stop.event.span[1]);
      shown = [...svg.querySelectorAll(".region")].find((r) => r.dataset.line === line && r.id);
      if (shown) shown.classList.add("now");
    }
    if (shown) bringIntoView($("graph"), shown);
  }

  // A small graph is drawn larger, where there is room.
  const natural = svg.viewBox.baseVal;
  const scale = Math.max(1, Math.min(1.3, ($("graph").clientWidth - 20) / natural.width));
  svg.setAttribute("width", natural.width * scale);
  svg.setAttribute("height", natural.height * scale);

  function bringIntoView(pane, element, aside = true) {
    const a = pane.getBoundingClientRect(), b = element.getBoundingClientRect();
    const low = b.top < a.top + 30, high = b.bottom > a.bottom - 40;
    if (low || high) pane.scrollTop += b.height > a.height - 60 ? b.top - a.top - 30 : b.top + b.height / 2 - a.top - a.height / 2;
    if (aside && (b.left < a.left || b.right > a.right)) pane.scrollLeft += b.left + b.width / 2 - a.left - a.width / 2;
  }

  // --- the texts --------------------------------------------------------------------------------

  function writeCode(pane, lines, numbered) {
    const all = made("div", "rows");
    pane.append(all);
    return lines.map((line) => {
      const row = made("div", line.note ? "note" : "");
      if (numbered && !line.line) {
        row.className = "file";
        row.textContent = line.text;
      } else {
        row.append(made("span", "number", numbered ? String(line.line) : ""), line.text || " ");
        row.dataset.line = line.line;
      }
      all.append(row);
      return row;
    });
  }

  const sourceRows = writeCode($("source"), data.source, true);
  const generatedRows = writeCode($("generated"), data.generated, false);
  const ownFile = data.source.length ? data.source[0].file : "";

  function light(rows, flags, pane) {
    let first = null;
    rows.forEach((row, k) => {
      row.classList.toggle("lit", Boolean(flags[k]));
      if (flags[k] && !first) first = row;
    });
    if (first) bringIntoView(pane, first, false);
  }

  function drawTexts(stop) {
    const span = stop.event ? stop.event.span : null;
    const there = (line) => span !== null && span[1] > 0 && line.line === span[1];
    light(sourceRows, data.source.map((l) => there(l) && l.file === span[0]), $("source"));
    const file = span && span[0] !== ownFile ? span[0].split("/").pop() : "";
    const from = data.generated.map((l) => there(l) && l.file === file);
    const way = data.generated.map((l, k) => from[k] && !l.note && l.back === (stop.way === "backward"));
    light(generatedRows, way.some(Boolean) ? way : from, $("generated"));
  }

  // --- what this stop says -----------------------------------------------------------------------

  function table(columns, rows) {
    const out = made("table");
    const head = out.createTHead().insertRow();
    for (const c of columns) head.append(made("th", "", c));
    const body = out.createTBody();
    for (const cells of rows) {
      const row = body.insertRow();
      for (const c of cells) row.insertCell().textContent = c;
    }
    return out;
  }

  function main(text, result) {
    const line = made("div", "main", text);
    if (result !== undefined) line.append(" = ", made("span", "result", result));
    return line;
  }

  const yes = (flag) => (flag ? "yes" : "no");

  const says = {
    leaves: () => [
      main("The leaves of the computation"),
      table(["name", "value", "leaf", "requires gradient"], data.leaves.map((l) => [l.label, l.value, "yes", yes(l.needs)])),
    ],
    step: (s) => {
      const e = s.event;
      const rows = e.from.map((o) => [o.label, o.value, yes(o.leaf), yes(o.needs)]);
      rows.push([e.label, e.value, "no", yes(e.needs)]);
      const text = e.made === e.label ? e.label : e.label + " = " + e.made;
      return [main(text, e.value), table(["name", "value", "leaf", "requires gradient"], rows)];
    },
    back: (s) => {
      const b = s.event.back;
      const rows = b.shares.map((o) => {
        const local = [o.local, o.formula, o.partial].filter((t, k, all) => t && all.indexOf(t) === k).join(" = ");
        const share = (o.product ? o.product + " = " : "") + o.outgoing;
        return [local, o.target + (o.several ? " += " : " = ") + share, o.several ? o.sum : ""];
      });
      const cut = b.incoming.indexOf(" = ");
      const columns = ["local derivative", "incoming × local = outgoing adjoint", "sum so far"];
      if (!b.shares.some((o) => o.several)) { columns.pop(); rows.forEach((r) => r.pop()); }
      return [main(b.incoming.slice(0, cut), b.incoming.slice(cut + 3)), table(columns, rows)];
    },
    branch: (s) => [main(s.event.title + ":  the condition " + s.event.taken)],
    loop: (s) => {
      const t = s.way === "forward" ? s.event.table : s.event.back_table;
      const out = [main(s.event.title + ":  " + s.event.count + (s.event.count === 1 ? " trip" : " trips"))];
      if (t) out.push(table(t.columns, t.rows));
      return out;
    },
    trip: (s) => {
      const name = s.trip.counter ? ", " + s.trip.counter : "";
      return [main(s.event.title + ":  trip " + s.trip.number + " of " + s.event.count + name)];
    },
    seed: () => [
      main("d" + data.top + "/d" + data.top, "1"),
      made("div", "", "The backward pass begins at the result, " + data.top + " = " + data.value + "."),
    ],
    end: () => {
      const pair = made("div", "pair");
      const rule = made("div"), step = made("div");
      rule.append(made("h3", "", "Chain rule"), ...data.chain.map((t) => made("pre", "", t)));
      step.append(made("h3", "", "Update with learning rate " + data.alpha), ...data.update.map((t) => made("pre", "", t)));
      pair.append(rule, step);
      return [pair];
    },
  };

  function drawDetail(stop) {
    const where = made("div", "where");
    const names = { leaves: "Leaves", seed: "Backward", end: "Result" };
    where.append(made("b", "", names[stop.kind] || (stop.way === "forward" ? "Forward" : "Backward")));
    if (stop.event && stop.event.span[1]) {
      const [file, line] = stop.event.span;
      const found = data.source.find((l) => l.file === file && l.line === line);
      where.append(" · line " + line + (found ? ": " + found.text.trim() : ""));
    }
    $("detail").replaceChildren(where, ...says[stop.kind](stop));
    $("detail").scrollTop = 0;
  }

  function draw() {
    const stop = stops[at];
    document.body.className = stop.way;
    document.body.dataset.kind = stop.kind;
    drawGraph(stop);
    drawTexts(stop);
    drawDetail(stop);
    $("position").textContent = stop.way + ", step " + (at + 1) + " of " + stops.length;
    $("bar").style.width = (100 * (at + 1)) / stops.length + "%";
    $("first").disabled = $("back").disabled = at === 0;
    $("last").disabled = $("next").disabled = at === stops.length - 1;
  }

  function go(k) {
    at = Math.max(0, Math.min(stops.length - 1, k));
    draw();
  }

  // --- loops --------------------------------------------------------------------------------------

  function loopsOf(events, depth, out) {
    for (const e of events) {
      if (e.kind === "loop") {
        if (!out.has(e.loop)) out.set(e.loop, { event: e, depth, trips: new Map() });
        for (const t of e.trips) out.get(e.loop).trips.set(t.number, t.counter);
        for (const t of e.trips) loopsOf(t.events, depth + 1, out);
      } else if (e.kind === "branch") loopsOf(e.events, depth, out);
    }
    return out;
  }

  function unfold(loop, number) {
    const before = stops[at];
    folded.set(loop, number);
    $("loops").querySelectorAll("select").forEach((s) => { if (s.dataset.loop === loop) s.value = String(number); });
    rebuild();
    const same = stops.findIndex((s) => s.kind === before.kind && s.event === before.event && s.way === before.way);
    const there = stops.findIndex((s) => s.way === before.way && s.event && s.event.loop === loop);
    go(before.event && before.event.loop === loop && there >= 0 ? there : same >= 0 ? same : there >= 0 ? there : at);
  }

  for (const [loop, { event, depth, trips }] of loopsOf(data.events, 0, new Map())) {
    $("loops").hidden = false;
    const label = made("label");
    const select = made("select");
    select.dataset.loop = loop;
    select.append(new Option("folded", "0"));
    for (const [number, counter] of [...trips].sort((a, b) => a[0] - b[0]))
      select.append(new Option("trip " + number + (counter ? ", " + counter : ""), String(number)));
    select.addEventListener("change", () => unfold(loop, Number(select.value)));
    label.append(made("code", "", "  ".repeat(depth) + "line " + event.span[1] + ": " + event.title), select);
    $("loops").append(label);
  }

  function toggle() {
    const stop = stops[at];
    if (stop.kind !== "loop" && stop.kind !== "trip") return;
    const open = folded.get(stop.event.loop) || 0;
    const first = stop.way === "forward" ? stop.event.trips[0] : stop.event.trips[stop.event.trips.length - 1];
    if (first) unfold(stop.event.loop, open ? 0 : first.number);
  }

  // --- keys and buttons ----------------------------------------------------------------------------

  $("title").textContent = data.title;
  $("first").addEventListener("click", () => go(0));
  $("back").addEventListener("click", () => go(at - 1));
  $("next").addEventListener("click", () => go(at + 1));
  $("last").addEventListener("click", () => go(stops.length - 1));
  document.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      ArrowRight: () => go(at + 1), ArrowLeft: () => go(at - 1), Home: () => go(0),
      End: () => go(stops.length - 1), Enter: toggle,
    };
    if (event.key === "Enter" && event.target instanceof HTMLButtonElement) return;
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  rebuild();
  go(0);
})();
