/** Which desks stand in the bar and which behind 更多. Pure. */

/** As many as there is room for, in their order; the one where somebody is always among them. more: the width of the button for the rest. */
export function barOf<D extends { name: string }>(
  desks: readonly D[],
  widths: ReadonlyMap<string, number>,
  room: number,
  here: string,
  more: number,
): D[] {
  const width = (one: D) => widths.get(one.name) ?? 0
  const all = desks.reduce((sum, one) => sum + width(one), 0)
  if (all <= room) return [...desks]
  const own = desks.find(one => one.name === here)
  let left = room - more - (own ? width(own) : 0)
  const shown = new Set<D>(own ? [own] : [])
  for (const desk of desks) {
    if (desk === own) continue
    if (width(desk) > left) break
    left -= width(desk)
    shown.add(desk)
  }
  return desks.filter(one => shown.has(one))
}
