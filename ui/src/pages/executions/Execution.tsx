import { Page } from '~/parts/Page'

export default function Execution() {
  return <Page title="Execution">{null}</Page>
}
