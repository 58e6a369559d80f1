// data-size: radio buttons, each with data-memory-mib and data-cpu, that fill in the two number fields named by the
// group's data-size-memory and data-size-cpu; a button is checked exactly while the fields hold its size.

for (const group of document.querySelectorAll("[data-size]")) {
  const memory = document.getElementById(group.dataset.sizeMemory);
  const cpu = document.getElementById(group.dataset.sizeCpu);
  const radios = group.querySelectorAll("input[type=radio]");
  const check = () => {
    for (const radio of radios) {
      radio.checked = Number(memory.value) === Number(radio.dataset.memoryMib) && Number(cpu.value) === Number(radio.dataset.cpu);
    }
  };
  group.addEventListener("change", ({ target }) => {
    memory.value = target.dataset.memoryMib;
    cpu.value = target.dataset.cpu;
  });
  memory.addEventListener("input", check);
  cpu.addEventListener("input", check);
  check();
  group.hidden = false;
}
