"use strict";
// The page at /: the live table of queries and the list of zones. Everything shown comes from
// strangers' queries, so it is only ever set as text, never as markup.

const kRows = 200; // of the table; older ones go
const byId = (id) => document.getElementById(id);

let socket = null;
let retryMs = 500;
let paused = false;
let dropped = 0;
let csrf = "";
const counts = new Map();

function show(loggedIn) {
  byId("login").hidden = loggedIn;
  byId("live").hidden = !loggedIn;
  byId("zones-section").hidden = !loggedIn;
  byId("logout").hidden = !loggedIn;
}

function subscribeMessage() {
  const filter = {};
  const qname = byId("qname").value.trim();
  const qtype = byId("qtype").value.replace(/\s/g, "");
  if (qname) filter.qname = qname;
  if (qtype) filter.qtype = qtype;
  return JSON.stringify({ type: "subscribe", topics: ["query"], filter });
}

function cell(row, text, className) {
  const td = row.insertCell();
  td.textContent = text;
  td.title = text;
  if (className) td.className = className;
}

function addRow(event, result) {
  const row = byId("rows").insertRow(0);
  cell(row, event.ts.slice(11, 23));
  cell(row, event.client.addr);
  cell(row, event.qname || "");
  cell(row, event.qtype || "");
  cell(row, event.cache ? result + " (" + event.cache + ")" : result,
    result === "NOERROR" ? "good" : "bad");
  cell(row, event.answers.join(", "));
  cell(row, String(event.latency_us));
}

function showCounts() {
  const parts = [...counts].map(([rcode, count]) => rcode + " " + count);
  if (dropped > 0) parts.push("dropped " + dropped);
  byId("counts").textContent = parts.join(" · ");
}

function onBatch(message) {
  dropped += message.dropped;
  for (const event of message.events) {
    if (event.topic !== "query") continue;
    const result = event.rcode || event.action;
    counts.set(result, (counts.get(result) || 0) + 1);
    if (!paused) addRow(event, result); // the counts go on while the table rests
  }
  const rows = byId("rows");
  while (rows.rows.length > kRows) rows.deleteRow(-1);
  showCounts();
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  socket = new WebSocket(scheme + location.host + "/v1/feed?topics=query", "meridian.v1.json");
  socket.onopen = () => {
    retryMs = 500;
    byId("state").textContent = "connected";
    socket.send(subscribeMessage());
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "batch") onBatch(message);
    if (message.type === "error") byId("state").textContent = "filter: " + message.message;
    if (message.type === "subscribed") byId("state").textContent = "connected";
  };
  socket.onclose = () => {
    socket = null;
    byId("state").textContent = "disconnected, trying again";
    setTimeout(start, retryMs);
    retryMs = Math.min(retryMs * 2, 10000);
  };
}

async function showZones(url) {
  const response = await fetch(url);
  if (!response.ok) return;
  const page = await response.json();
  for (const zone of page.items) {
    const item = document.createElement("li");
    item.textContent = zone.name + " (serial " + zone.serial +
      (zone.view ? ", view " + zone.view : "") + ")";
    byId("zones").append(item);
  }
  const more = byId("more-zones");
  more.hidden = !page.next;
  more.onclick = () => showZones(page.next);
}

async function start() {
  let response;
  try {
    response = await fetch("/v1/session");
  } catch {
    setTimeout(start, retryMs);
    return;
  }
  if (!response.ok) {
    show(false);
    byId("token").focus();
    return;
  }
  csrf = (await response.json()).csrf || "";
  show(true);
  const server = await (await fetch("/v1/server")).json();
  byId("server").textContent = server.node + ", version " + server.version + ", revision " +
    server.revision;
  byId("zones").replaceChildren();
  await showZones("/v1/zones");
  if (!socket) connect();
}

byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const response = await fetch("/v1/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: byId("token").value.trim() }),
  });
  byId("token").value = "";
  byId("login-error").textContent = response.ok ? "" : (await response.json()).detail;
  if (response.ok) start();
});
byId("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(subscribeMessage());
});
byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Go on" : "Pause";
});
byId("clear").addEventListener("click", () => {
  byId("rows").replaceChildren();
  counts.clear();
  dropped = 0;
  showCounts();
});
byId("logout").addEventListener("click", async () => {
  await fetch("/v1/session", { method: "DELETE", headers: { "x-meridian-csrf": csrf } });
  location.reload();
});
start();
