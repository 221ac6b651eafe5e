/** What a site tells the SDK, and what it gets. */

export type Kind = "track" | "error" | "span" | "metric";

/** `anonymous`: events without any id, nothing on the device. `denied`: no events. */
export type Consent = "granted" | "anonymous" | "denied";

export type Properties = Record<string, unknown>;

/** The banner's texts; what is left out stays English. */
export interface BannerTexts {
  title?: string;
  text?: string;
  accept?: string;
  decline?: string;
  /** Address of the privacy notice, and what its link is called. */
  link?: string;
  linkText?: string;
}

export interface Options {
  writeKey: string;
  /** Origin of the gateway, such as https://events.shop.example. */
  gateway: string;
  environment?: string;
  release?: string;
  service?: string;
  /** The built-in banner's texts; false: the site asks for consent itself and calls `grant` or `decline`. */
  banner?: BannerTexts | false;
  /** What happens to events while nothing was chosen; `anonymous` if left out. */
  beforeConsent?: "anonymous" | "denied";
  /** What happens to events after a decline or withdrawal; `denied` if left out. */
  whenDeclined?: "anonymous" | "denied";
  /** Version of the text that visitors are shown, told with each decision. */
  consentVersion?: string;
  /** Share of events that are kept, by kind, in (0, 1]; 1 if left out. */
  sampleRates?: Partial<Record<Kind, number>>;
  /** Page views by themselves, at the start and when the path changes; true if left out. */
  pages?: boolean;
  /** Uncaught exceptions and unhandled rejections; true if left out. */
  errors?: boolean;
  /** Web vitals; true if left out. */
  vitals?: boolean;
  /** Timings of fetch and XMLHttpRequest; true if left out. */
  requests?: boolean;
  /** A path without what differs from one visit to the next; numbers and hexadecimal ids become {id} if left out. */
  route?: (path: string) => string;
}

export interface Tidegate {
  /** Something happened. */
  track(name: string, properties?: Properties): void;
  /** A page was viewed. */
  page(name?: string, properties?: Properties): void;
  /** The visitor's user is known. Without consent it is remembered, for this page only, and sent once there is. */
  identify(userId: string, traits?: Properties): void;
  /** The user logged out: what follows is another visitor. */
  reset(): void;
  /** A feature was used. */
  feature(name: string, properties?: Properties): void;
  /** An exception that the site caught. */
  error(error: unknown, properties?: Properties): void;
  /** One measured value, not negative; `unit` in UCUM. */
  measure(name: string, value: number, unit?: string, attributes?: Properties): void;
  /** What counts now. */
  consent(): Consent;
  /** The visitor agrees. A browser's own signal (GPC, DNT) outranks it. */
  grant(): void;
  /**
   * The visitor doesn't agree, or not any more: everything on the device goes, but for this choice. After a yes it is a
   * withdrawal, which stops what is still under way; with `erase`, what is stored about the visitor is erased.
   */
  decline(how?: { erase?: boolean }): void;
  /** Ask (again) by the banner. */
  ask(): void;
  /** Send what waits; resolves when it was answered, or the attempt failed. */
  flush(): Promise<void>;
}
