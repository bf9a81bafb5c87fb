// The types of the server's answers, as in its OpenAPI document. Types only, no code. Ids as numbers are left out: those above 2^53
// are not exact here. The keys are the same ids as text.

/** @typedef {"not_started" | "running" | "ended"} Phase */
/** @typedef {"fresh" | "stale" | "partial" | "unavailable"} Status */
/** @typedef {"overview" | "funnel" | "comparison" | "realtime" | "activities"} WidgetName */

/**
 * @typedef {object} MissingFigure
 * @property {string} field
 * @property {string} reason
 * @property {string | null} detail
 * @property {string | null} source
 * @property {string} message
 */

/**
 * @typedef {object} Warning
 * @property {string} code
 * @property {string} message
 * @property {string} [field]
 * @property {Record<string, number | string | null>} [data]
 */

/**
 * @typedef {object} WidgetState
 * @property {Status} status
 * @property {string | null} asOf
 * @property {number | null} ageMs
 * @property {MissingFigure[]} missing
 * @property {Warning[]} warnings
 */

/**
 * @typedef {object} OverviewFigures
 * @property {number | null} totalVisits
 * @property {number | null} totalParticipants
 * @property {number | null} approvedCount
 * @property {number | null} purchaseCount
 * @property {number | null} conversionRate
 */

/** @typedef {OverviewFigures & {previous?: OverviewFigures, change?: OverviewFigures}} Overview */

/**
 * @typedef {object} FunnelStep
 * @property {string} key
 * @property {string} name
 * @property {string} nameEn
 * @property {number | null} value
 * @property {number | null} rate
 * @property {number | null} rateFromFirst
 * @property {{value: number | null, rate: number | null}} [previous]
 */

/**
 * @typedef {object} SalesFigures
 * @property {number | null} orders
 * @property {number | null} quantity
 * @property {string | null} revenue
 * @property {number | null} buyers
 * @property {number | null} cancelled
 * @property {{rows: number | null, revenue: string | null}} refunds
 * @property {string | null} netRevenue
 */

/**
 * @typedef {object} Baseline
 * @property {number | null} orders
 * @property {number | null} quantity
 * @property {string | null} revenue
 * @property {number | null} buyers
 * @property {number | null} weeks
 * @property {"hour_of_week" | "day_of_week" | "mean" | null} method
 */

/**
 * @typedef {object} Comparison
 * @property {SalesFigures} promotion
 * @property {SalesFigures} regular
 * @property {Baseline} baseline
 * @property {string} currency
 * @property {string[]} productKeys
 * @property {{campaignKey: string | null, activityKey: string, orders: number}[] | null} otherPromotions
 */

/**
 * @typedef {object} InflowBucket
 * @property {string} from
 * @property {string} to
 * @property {number} visits
 * @property {"complete" | "in_progress"} state
 */

/**
 * @typedef {object} Realtime
 * @property {number | null} remainingStock
 * @property {number | null} initialStock
 * @property {number | null} activeUsers
 * @property {number | null} participantsTotal
 * @property {string | null} lastUpdated
 * @property {InflowBucket[] | null} hourlyInflow
 */

/** @typedef {OverviewFigures & {activityKey: string, name: string, type: string, phase: Phase, remainingStock: number | null}} ActivityRow */

/** Paths of the API, relative to the router's root. @typedef {{self: string, campaign: string, activities: string, stream: string}} Links */

/**
 * @typedef {object} Answer
 * @property {string} campaignKey
 * @property {string} [activityKey]
 * @property {Links} links
 * @property {string} timestamp
 * @property {Phase} phase
 * @property {{name: string, campaignName?: string, startAt: string | null, endAt: string | null}} scope
 * @property {{from: string, to: string, startDate: string, endDate: string, zone: string, inProgress: boolean,
 *   previous?: {from: string, to: string}}} range
 * @property {string} mode
 * @property {{overview?: Overview, funnel?: {steps: FunnelStep[]}, comparison?: Comparison, realtime?: Realtime,
 *   activities?: ActivityRow[]}} data
 * @property {Partial<Record<WidgetName, WidgetState>>} widgets
 * @property {Warning[]} warnings
 */

/**
 * @typedef {object} ListedActivity
 * @property {string} activityKey
 * @property {string} name
 * @property {string} type
 * @property {Phase} phase
 * @property {string | null} startAt
 * @property {string | null} endAt
 * @property {number | null} limitCount
 * @property {Links} links
 */

/**
 * @typedef {object} ListedCampaign
 * @property {string} campaignKey
 * @property {string} name
 * @property {Phase} phase
 * @property {string | null} startAt
 * @property {string | null} endAt
 * @property {ListedActivity[]} activities
 * @property {Links} links
 */

/** @typedef {{campaigns: ListedCampaign[], zone: string}} CampaignList */

/**
 * @typedef {object} Definition
 * @property {string} key
 * @property {string} ko
 * @property {string} en
 * @property {string} formulaKo
 * @property {string} formulaEn
 * @property {string} unit
 * @property {string} source
 */

/** @typedef {{status: number, code: string, retryAfter: number | null, fields: string[]}} Problem */

export {};
