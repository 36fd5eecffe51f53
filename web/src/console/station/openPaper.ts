/** A file in a window of its own, where it is read and printed. Every look is written down. */
import { api, ask } from '@/shared/api/client'

export function openPaper(documentId: string): Promise<void> {
  const path = { params: { path: { document_id: documentId } }, parseAs: 'blob' as const }
  return openPdf(() => ask(api.GET('/api/documents/{document_id}/pdf', path)))
}

export async function openPdf(fetched: () => Promise<unknown>): Promise<void> {
  // Opened before anything is waited for: a browser lets no window be opened later by itself.
  const window_ = window.open('', '_blank')
  try {
    const url = URL.createObjectURL(new Blob([(await fetched()) as Blob], { type: 'application/pdf' }))
    if (window_) window_.location.href = url
    else window.location.href = url
  } catch (fault) {
    window_?.close()
    throw fault
  }
}
