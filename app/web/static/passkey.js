// Ask the browser for a passkey, put its answer into the form, send the form.
"use strict";
for (const form of document.querySelectorAll("form[data-passkey]")) {
  const said = form.querySelector("[role=status]");
  form.addEventListener("submit", async (event) => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    if (!window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) {
      said.textContent = "This browser cannot use passkeys. Open the page in a newer one.";
      return;
    }
    const options = JSON.parse(form.dataset.options);
    try {
      let made;
      if (form.dataset.passkey === "create") {
        if (form.elements.name) options.user.name = options.user.displayName = form.elements.name.value;
        made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
      } else {
        made = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      }
      form.elements.answer.value = JSON.stringify(made.toJSON());
      form.submit();
    } catch (error) {
      said.textContent = `Nothing was sent: ${error.message}`;
    }
  });
}
