// data-suggest-from="<id of an input>" round another input: suggests a short name from what is typed there, until the
// person writes a name of their own. data-suggest-as="image" takes an image reference for what it is;
// data-suggest-length is how long such a name may be.

function slug(text, length) {
  return text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, length)
    .replace(/-+$/, "");
}

/** `registry.example:5000/shop/web:3@sha256:…` → `web` */
const nameOfImage = (reference) => reference.split("@")[0].split("/").pop().split(":")[0];

for (const holder of document.querySelectorAll("[data-suggest-from]")) {
  const { suggestFrom, suggestAs, suggestLength } = holder.dataset;
  const source = document.getElementById(suggestFrom);
  const input = holder.querySelector("input");
  const suggestion = () => slug(suggestAs === "image" ? nameOfImage(source.value) : source.value, suggestLength);
  let isOwn = input.value !== "" && input.value !== suggestion();
  input.addEventListener("input", ({ isTrusted }) => {
    if (isTrusted) isOwn = input.value !== "";
  });
  source.addEventListener("input", () => {
    if (isOwn) return;
    input.value = suggestion();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
