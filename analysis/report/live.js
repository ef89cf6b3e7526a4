// The live page: its server announces new results; the browser reconnects by itself.
if (!EMBEDDED) {
  const status = (text, lost) => { $("live").hidden = false; $("live").textContent = text; $("live").classList.toggle("lost", !!lost); };
  const query = location.search;                       // carries the token where one is needed
  let busy = false, again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch("data.json" + query, { cache: "no-store" });
      const data = await answer.json().catch(() => ({}));
      if (!answer.ok) {                                // the run is not there yet, or its trainer is just making it
        document.body.classList.toggle("waiting", D === null);
        status(data.waiting || "The page has no answer yet; it asks again by itself.", D !== null);
        setTimeout(refresh, 2000);
        return;
      }
      document.body.classList.remove("waiting");
      await show(data, D !== null);
      window.infoplaneReady = true;
      status(D.measured.length ? `live: ${D.measured.length} checkpoints, ${data.count} points${data.status ? ", " + data.status : ""}` : "The run has begun; its first checkpoint is not measured yet. Beside a training, which measuring must not slow, that can take a few minutes.", false);
    } catch (error) { status(`The page cannot be drawn: ${error.message}. It tries again at the next checkpoint.`, true); } finally { busy = false; if (again) { again = false; refresh(); } }
  };
  const events = new EventSource("events" + query);
  events.addEventListener("change", refresh);
  events.onerror = () => status("The connection is lost; the page connects again by itself.", true);
  document.body.classList.add("waiting");
  status("Connecting to the page's own server.", false);
}
