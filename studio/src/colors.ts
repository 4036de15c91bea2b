/** Colours of labels: those of Okabe and Ito, which colour-blind people tell apart, then around the circle. */
const COLORS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b59f00", "#7f5fc7"];

export const colorOf = (index: number): string => COLORS[index] ?? `hsl(${(index * 137.5) % 360} 60% 45%)`;
