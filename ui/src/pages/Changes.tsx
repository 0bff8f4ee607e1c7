import { Page } from '~/parts/Page'

export default function Changes() {
  return <Page title="Change log">{null}</Page>
}
