import { Page } from '~/parts/Page'

export default function Workflows() {
  return <Page title="Workflows">{null}</Page>
}
