// data-passkey="get|create": a form that is sent with a passkey's answer in its field `answer`.
// data-passkey-options="<url>": what to ask of the passkey. [data-passkey-error] says what went wrong.

const canAsk = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);

async function ask(form) {
  const body = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
  const response = await fetch(form.dataset.passkeyOptions, { method: "POST", body });
  if (!response.ok || response.redirected) {
    location.reload(); // the page's own door says why
    return undefined;
  }
  const { publicKey } = await response.json();
  return form.dataset.passkey === "create"
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
}

function wordsFor(error) {
  if (error.name === "InvalidStateError") return "This device holds a passkey of yours already.";
  if (error.name === "NotAllowedError") return "No passkey was used: it was cancelled, or took too long. Try again.";
  return `The browser could not use a passkey (${error.name}).`;
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-passkey]");
  if (!form) return;
  event.preventDefault();
  const button = event.submitter;
  const notice = form.querySelector("[data-passkey-error]");
  const say = (words) => {
    notice.hidden = false;
    notice.querySelector("div").textContent = words;
  };
  if (!canAsk) {
    say("This browser cannot use passkeys. Update it, or use another way.");
    return;
  }
  notice.hidden = true;
  button?.setAttribute("aria-busy", "true");
  try {
    const credential = await ask(form);
    if (!credential) return;
    form.elements.answer.value = JSON.stringify(credential);
    form.submit();
  } catch (error) {
    button?.removeAttribute("aria-busy");
    say(wordsFor(error));
  }
});
