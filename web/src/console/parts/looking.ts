/** Asking the server for the same thing again and again: never twice at once, and never with a question too few. */

/** Runs `work`. What calls for it while it runs has it run once more afterwards. */
export function oneAtATime(work: () => Promise<unknown>): () => void {
  let running = false
  let again = false
  return async () => {
    again = running
    if (running) return
    running = true
    do {
      again = false
      await work().catch(() => undefined)
    } while (again)
    running = false
  }
}
