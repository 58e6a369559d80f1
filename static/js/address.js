// data-address: the address that an application will have, kept current with the name and port fields that it names
// in data-address-name and data-address-port; data-address-after is what follows the name.

for (const preview of document.querySelectorAll("[data-address]")) {
  const { addressName, addressPort, addressAfter } = preview.dataset;
  const name = document.getElementById(addressName);
  const port = document.getElementById(addressPort);
  const show = () => {
    preview.textContent = port.value ? `${name.value || "name"}${addressAfter}` : "No port, so no address";
  };
  name.addEventListener("input", show);
  port.addEventListener("input", show);
  show();
}
