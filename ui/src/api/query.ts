import { notifications } from '@mantine/notifications'
import { MutationCache, QueryClient } from '@tanstack/react-query'
import { messageOf, Problem } from './problem'

/** Questions are asked again only where that can help. */
const retry = (count: number, error: unknown) =>
  count < 2 && error instanceof Problem && (error.status === 0 || error.status === 503)

export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry, staleTime: 2_000, refetchOnWindowFocus: true }, mutations: { retry: false } },
  mutationCache: new MutationCache({
    // A mutation that tells of its failure itself says so in `meta`.
    onError: (error, _variables, _result, mutation) => {
      if (!mutation.meta?.quiet) tellFailure(error)
    },
  }),
})

/** Shows what went wrong until somebody closes it. */
export function tellFailure(error: unknown, title = 'That did not work'): void {
  notifications.show({ color: 'red', title, message: messageOf(error), autoClose: 12_000, withBorder: true })
}

export function tellSuccess(message: string): void {
  notifications.show({ message, autoClose: 4_000, withBorder: true })
}
