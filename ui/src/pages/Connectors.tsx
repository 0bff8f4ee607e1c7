import { Page } from '~/parts/Page'

export default function Connectors() {
  return <Page title="Connectors">{null}</Page>
}
