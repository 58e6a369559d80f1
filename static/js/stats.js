// data-stats-url: live use of CPU and memory, in the [data-stat] and <progress data-stat-bar> within.

import { HealingSocket } from "./socket.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function binarySize(bytes) {
  let [size, unit] = [bytes, 0];
  while (size >= 1024 && unit < UNITS.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${size >= 100 || Number.isInteger(size) ? size.toFixed(0) : size.toFixed(1)} ${UNITS[unit]}`;
}

const sum = (containers, key) => containers.reduce((total, container) => total + (container[key] ?? 0), 0);

function show(board, name, text, used, limit) {
  for (const element of board.querySelectorAll(`[data-stat="${name}"]`)) element.textContent = text;
  for (const bar of board.querySelectorAll(`[data-stat-bar="${name}"]`)) {
    bar.value = limit ? Math.min(100, (100 * used) / limit) : 0;
  }
}

function showNothing(board) {
  show(board, "cpu", "–", 0, 0);
  show(board, "memory", "–", 0, 0);
}

for (const board of document.querySelectorAll("[data-stats-url]")) {
  new HealingSocket(board.dataset.statsUrl, {
    received: ({ cpu_cores: cpu, memory_bytes: memory, containers }) => {
      if (cpu === null) {
        showNothing(board);
        return;
      }
      show(board, "cpu", cpu.toFixed(2), cpu, sum(containers, "cpu_limit_cores"));
      show(board, "memory", binarySize(memory), memory, sum(containers, "memory_limit_bytes"));
    },
    lost: () => showNothing(board),
    refused: () => showNothing(board),
  });
}
