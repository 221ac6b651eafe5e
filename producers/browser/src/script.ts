/** The script tag: options from its data attributes, calls by `window.tidegate`. */

import { init } from "./index";
import type { BannerTexts, Options, Tidegate } from "./types";

type Call = [keyof Tidegate, ...unknown[]];

declare global {
  interface Window {
    /** The SDK, or the calls that were made before it was there. */
    tidegate?: Tidegate | Call[];
  }
}

const script = document.currentScript as HTMLScriptElement | null;

function start({ dataset, src }: HTMLScriptElement): void {
  const { writeKey, banner, bannerTitle, bannerText, bannerAccept, bannerDecline, bannerLink, bannerLinkText } = dataset;
  const { environment, release, service, beforeConsent, whenDeclined, consentVersion, gateway, sampleRates } = dataset;
  if (!writeKey) return console.error("tidegate: the script tag has no data-write-key; the dashboard shows yours");
  const texts = {
    title: bannerTitle,
    text: bannerText,
    accept: bannerAccept,
    decline: bannerDecline,
    link: bannerLink,
    linkText: bannerLinkText,
  };
  const given = (from: object) => Object.fromEntries(Object.entries(from).filter(([, text]) => text));
  const waiting = window.tidegate;
  const off = (name: string) => dataset[name] !== "off";
  const tidegate = init({
    ...(given({ environment, release, service, beforeConsent, whenDeclined, consentVersion }) as Partial<Options>),
    writeKey,
    gateway: gateway || src,
    banner: banner !== "off" && (given(texts) as BannerTexts),
    sampleRates: JSON.parse(sampleRates ?? "{}"),
    pages: off("pages"),
    errors: off("errors"),
    vitals: off("vitals"),
    requests: off("requests"),
  });
  window.tidegate = tidegate;
  if (Array.isArray(waiting))
    for (const [name, ...rest] of waiting) (tidegate[name] as (...given: unknown[]) => unknown)(...rest);
}

if (script) start(script);
