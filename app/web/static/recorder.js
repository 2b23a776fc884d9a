// Record into a form's file input, where the browser can; without this the file is chosen by hand.
"use strict";
for (const box of document.querySelectorAll("[data-records]")) {
  const form = box.closest("form");
  const input = form.elements[box.dataset.records];
  const [start, stop] = box.querySelectorAll("button");
  const said = box.querySelector("[role=status]");
  const heard = box.querySelector("audio");
  const most = Number(box.dataset.mostS) * 1000;
  const kind = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"].find(
    (each) => window.MediaRecorder && MediaRecorder.isTypeSupported(each),
  );
  if (!kind || !navigator.mediaDevices) continue;
  box.hidden = false;
  start.addEventListener("click", async () => {
    start.disabled = true; // a second click would open a second microphone
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      said.textContent = box.dataset.refused;
      start.disabled = false;
      start.focus();
      return;
    }
    const pieces = [];
    const over = new AbortController();
    const recorder = new MediaRecorder(stream, { mimeType: kind, audioBitsPerSecond: 128000 });
    const end = () => recorder.state === "recording" && recorder.stop();
    const close = () => stream.getTracks().forEach((track) => track.stop());
    const timer = setTimeout(end, most);
    stop.addEventListener("click", end, { signal: over.signal });
    window.addEventListener("pagehide", close, { signal: over.signal });
    recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    recorder.addEventListener("stop", () => {
      clearTimeout(timer); // else it would cut the next recording
      over.abort();
      close();
      const type = kind.split(";")[0];
      const file = new File(pieces, `voice.${type.split("/")[1]}`, { type });
      const kept = new DataTransfer();
      kept.items.add(file);
      input.files = kept.files;
      heard.src = URL.createObjectURL(file);
      heard.hidden = false;
      start.hidden = start.disabled = false;
      stop.hidden = true;
      said.textContent = box.dataset.done;
      start.focus();
    });
    recorder.start();
    start.hidden = true;
    stop.hidden = false;
    said.textContent = box.dataset.now;
    stop.focus();
  });
}
