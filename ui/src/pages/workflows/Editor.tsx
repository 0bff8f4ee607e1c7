import { Page } from '~/parts/Page'

export default function Editor() {
  return <Page title="Workflows">{null}</Page>
}
