/** Colours of warnings: never the only sign. The more signs, the graver. */
const SIGN: Readonly<Record<string, string>> = { blue: '◇', yellow: '◆', orange: '▲', red: '▲▲' }

/** Stands before the word of a colour; of none, as gravely as blue. */
export const signOf = (colour: string | null): string => SIGN[colour ?? ''] ?? '◇'
