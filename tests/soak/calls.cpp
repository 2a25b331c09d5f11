// cachemodel: the soak: what is done to a cached function, and to what `get_or_set` keeps.
// SPDX-License-Identifier: MIT
#include "soak/calls.hpp"

#include <optional>
#include <vector>

namespace cachemodel::soak {

void Calls::check(Operation operation, int id, const Lookup<Quote>& quote, Interval read) const {
    if (quote.failed()) return hand_.count_failure(operation, id, quote.failure());
    if (!quote.found()) return hand_.count(operation, id, Answer::wrong, "it has no result");
    hand_.count(operation, id, Answer::found, judge_.found(*quote, id, read, quote.stale()));
}

void Calls::use_quotes() {
    const auto what = hand_.dice(100);
    if (what < 45) return call_quote();
    if (what < 58) return peek_quote();
    if (what < 70) return prefetch_quotes();
    if (what < 85) return refresh_quote();
    const int id = hand_.some_hot_id();
    changes_.make(Operation::quote_invalidate, hand_.source().row<Quote>(id), id, true, [this, id] {
        quotes_.invalidate(id);
        return Answer::found;
    });
}

void Calls::call_quote() {
    const int id = hand_.some_hot_id();
    std::optional<Quote> quote;
    const auto read = hand_.timed(Operation::quote_call, [&] { quote = quotes_(id); });
    if (!quote) return;
    hand_.count(Operation::quote_call, id, Answer::found, judge_.found(*quote, id, read));
}

void Calls::peek_quote() {
    constexpr auto operation = Operation::quote_peek;
    const int id = hand_.some_hot_id();
    std::optional<Lookup<Quote>> quote;
    const auto read = hand_.timed(operation, [&] { quote = quotes_.peek(id); });
    if (!quote) return;
    if (quote->failed()) return hand_.count(operation, id, Answer::failed);
    if (quote->absent()) return hand_.count(operation, id, Answer::absent);
    check(operation, id, *quote, read);
}

void Calls::prefetch_quotes() {
    const auto ids = hand_.some_ids();
    std::vector<Lookup<Quote>> quotes;
    const auto read =
        hand_.timed(Operation::quote_prefetch, [&] { quotes = quotes_.prefetch(ids); });
    for (std::size_t i = 0; i < quotes.size(); ++i) {
        check(Operation::quote_prefetch, ids[i], quotes[i], read);
    }
}

/// A refresh gives its result also where it could neither store it nor remove the old one. That is
/// counted where it was tried, which may be in another thread, and promises nothing.
void Calls::refresh_quote() {
    const int id = hand_.some_hot_id();
    changes_.make(Operation::quote_refresh, hand_.source().row<Quote>(id), id, true, [this, id] {
        const auto failures = cache_.statistics().removal_failures;
        try {
            (void)quotes_.refresh(id);
        } catch (const SourceFailed&) {
            return Answer::failed;
        }
        return cache_.statistics().removal_failures == failures ? Answer::found : Answer::failed;
    });
}

// Offers: between processes `get_or_set` asks for no lease, so that each has its own.

void Calls::use_offers() {
    const int id = hand_.some_id_of_process();
    if (hand_.dice(5) != 0) return get_offer(id);
    changes_.make(Operation::offer_erase, hand_.source().row<Offer>(id), id, true, [this, id] {
        return cache_.erase("offer:" + std::to_string(id)) ? Answer::found : Answer::absent;
    });
}

void Calls::get_offer(int id) {
    constexpr auto operation = Operation::offer_get_or_set;
    auto& row = hand_.source().row<Offer>(id);
    std::optional<Offer> offer;
    std::uint64_t made = 0;
    const auto failures = cache_.statistics().store_failures;
    const auto read = hand_.timed(operation, [&] {
        offer = cache_.get_or_set(
            "offer:" + std::to_string(id),
            [&] {
                const auto fresh = make_offer(hand_.source(), id);
                made = fresh.number;
                return fresh;
            },
            offer_lifetime);
    });
    if (made != 0 && cache_.statistics().store_failures != failures) row.may_be_stored(made);
    if (offer) hand_.count(operation, id, Answer::found, judge_.found(*offer, id, read));
}

}  // namespace cachemodel::soak
