/** A document's file in a window of its own, where it is read and printed. Every look is written down. */
import { api, ask } from '@/shared/api/client'

export async function openPaper(documentId: string): Promise<void> {
  // Opened before anything is waited for: a browser lets no window be opened later by itself.
  const window_ = window.open('', '_blank')
  try {
    const path = { params: { path: { document_id: documentId } }, parseAs: 'blob' as const }
    const file = (await ask(api.GET('/api/documents/{document_id}/pdf', path))) as unknown as Blob
    const url = URL.createObjectURL(new Blob([file], { type: 'application/pdf' }))
    if (window_) window_.location.href = url
    else window.location.href = url
  } catch (fault) {
    window_?.close()
    throw fault
  }
}
