import { onUnmounted, ref } from 'vue'
import { session } from '@/shared/api/session'
import type { useAsking } from '../parts/say'

/** Photos of a person that somebody asked to see: each look is recorded, so each is fetched once and only when asked for. */
export function usePhotos(personId: () => string, { run }: Pick<ReturnType<typeof useAsking>, 'run'>) {
  const pictures = ref<Record<string, string>>({})

  async function show(id: string): Promise<void> {
    await run(async () => {
      const answer = await fetch(`/api/persons/${personId()}/photos/${id}`, {
        headers: { Authorization: `Bearer ${session.token}` },
      })
      if (!answer.ok) throw new Error(String(answer.status))
      pictures.value = { ...pictures.value, [id]: URL.createObjectURL(await answer.blob()) }
    })
  }
  onUnmounted(() => Object.values(pictures.value).forEach(url => URL.revokeObjectURL(url)))
  return { pictures, show }
}
