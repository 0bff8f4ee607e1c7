import { Page } from '~/parts/Page'

export default function Versions() {
  return <Page title="Workflows">{null}</Page>
}
