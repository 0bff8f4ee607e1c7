import { Page } from '~/parts/Page'

export default function Tokens() {
  return <Page title="Tokens">{null}</Page>
}
