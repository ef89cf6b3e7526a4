// The live page: its own server says when there is more; the browser reconnects by itself.
if (!EMBEDDED) {
  const status = (text, lost) => { $("live").hidden = false; $("live").textContent = text; $("live").classList.toggle("lost", !!lost); };
  const query = location.search;                       // carries the token where one is needed
  let busy = false, again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch("data.json" + query, { cache: "no-store" });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      const data = await answer.json();
      await show(data, D !== null);
      window.infoplaneReady = true;
      status(`live: ${D.measured.length} checkpoints, ${data.count} points${data.status ? ", " + data.status : ""}`, false);
    } catch (error) { status(`waiting: ${error.message}`, true); } finally { busy = false; if (again) { again = false; refresh(); } }
  };
  const events = new EventSource("events" + query);
  events.addEventListener("change", refresh);
  events.onerror = () => status("connection lost, trying again", true);
  status("connecting", false);
}
