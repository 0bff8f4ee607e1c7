import { Page } from '~/parts/Page'

export default function Executions() {
  return <Page title="Executions">{null}</Page>
}
