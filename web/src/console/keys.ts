/** Keys without a modifier belong to the desk, except where somebody types. */
export function isTyping(event: KeyboardEvent): boolean {
  const at = event.target as HTMLElement | null
  return (
    !!at &&
    (at.isContentEditable ||
      ['TEXTAREA', 'SELECT'].includes(at.tagName) ||
      (at.tagName === 'INPUT' && (at as HTMLInputElement).type !== 'checkbox'))
  )
}
