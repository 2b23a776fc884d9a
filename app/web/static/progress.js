// Follow a film as it is made: the server says how far it is, and this puts it on the page.
"use strict";
for (const box of document.querySelectorAll("[data-follow]")) {
  const source = new EventSource(box.dataset.follow);
  const show = (event) => {
    const now = JSON.parse(event.data);
    box.innerHTML = now.html;
    if (!now.over) return;
    source.close();
    location.reload();
  };
  for (const state of box.dataset.states.split(" ")) source.addEventListener(state, show);
}
