// cachemodel: answers cached calls, many with one read and one write.
// SPDX-License-Identifier: MIT
#include "call_loads.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "cache_core.hpp"
#include "call_job.hpp"
#include "call_verification.hpp"

namespace cachemodel::detail {

CallLoads::CallLoads(const CallDoor& door, std::span<AskedCall> calls)
    : Loads(door.cache, rules_, door.cache.core().call_flights, *door.table.type, nullptr),
      door_(door),
      rules_(load_rules(door.site.settings.expires, door.site.settings.terms,
                        door.cache.view().load_rules)),
      calls_(calls) {}

/// Takes what a read finds to the calls.
class CallLoads::Sink final : public ReadSink {
 public:
    explicit Sink(CallLoads& loads) : loads_(loads) {}

    void found(std::size_t index, std::string_view bytes, std::uint64_t token) noexcept override {
        try {
            loads_.read_one(loads_.calls_[index], bytes, token);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void absent(std::size_t index) noexcept override {
        loads_.calls_[index].basis = Basis::nothing();
    }
    void unusable(std::size_t index, MissReason reason) noexcept override {
        absent(index);
        loads_.calls_[index].reason = reason;
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        loads_.calls_[index].failure = failure;
    }
    /// Errors: `std::bad_alloc`.
    void rethrow_fatal() const {
        if (fatal_) std::rethrow_exception(fatal_);
    }

 private:
    CallLoads& loads_;
    std::exception_ptr fatal_;
};

void CallLoads::read() {
    const Flights& flights = cache().core().call_flights;
    std::vector<std::string_view> keys;
    keys.reserve(calls_.size());
    for (auto& asked : calls_) {
        asked.asked_at = std::chrono::steady_clock::now();
        asked.landings = flights.landings(Flights::runway(asked.key.in_envelope()));
        keys.push_back(asked.key.stored);
    }
    Sink sink{*this};
    cache().read_many(keys, sink);
    sink.rethrow_fatal();
    if (cache().is_bypass()) return;
    door_.site.counters.round_trips += 1;
    count_read();
}

void CallLoads::count_read() noexcept {
    for (const auto& asked : calls_) {
        if (asked.is_hit) count(&Counters::hits);
        if (asked.is_stale) count(&Counters::stale_served);
        if (asked.failure) door_.site.counters.read_failures += 1;
        if (asked.is_hit || asked.failure) continue;
        cache().core().counters.count_miss(asked.reason);
        door_.site.counters.count_miss(asked.reason);
    }
}

/// Errors: `std::bad_alloc`; whatever else goes wrong is a miss.
void CallLoads::read_one(AskedCall& asked, std::string_view bytes, std::uint64_t token) {
    const FoundEntry standing = look_at(cache(), bytes, asked.key.in_envelope());
    asked.basis = Basis::of(standing, token);
    asked.reason = standing.reason;
    const Freshness state = freshness(cache(), standing, rules_);
    const bool is_due = state == Freshness::early || state == Freshness::stale;
    const bool is_decoded = may_be_served(state) && decode(asked, *standing.entry);
    if (is_due || state == Freshness::fallback) asked.standing = bytes;
    asked.has_fallback = is_decoded && !asked.standing.empty();
    asked.is_hit = is_decoded && is_served(state);
    if (!is_served(state)) asked.reason = standing.reason;
    asked.is_stale = asked.is_hit && !standing.is_fresh_value();
    asked.is_to_be_refreshed = asked.is_hit && is_due;
    if (rules_.verify > 0 && state == Freshness::fresh && asked.is_hit && asked.call != nullptr) {
        asked.is_to_be_verified = draws_verification();
        if (asked.is_to_be_verified) asked.standing = bytes;
    }
}

bool CallLoads::decode(AskedCall& asked, const OpenedEntry& entry) {
    const auto reason = decode_entry(entry, [&](CborReader& reader) {
        reader.every_member_required = true;  // the function knows it
        return door_.table.decode(reader, asked.hit);
    });
    if (reason) asked.reason = *reason;
    return !reason;
}

bool CallLoads::has_to_run() const noexcept {
    return std::ranges::any_of(calls_, [](const AskedCall& asked) {
        return !asked.is_hit || asked.is_to_be_refreshed || asked.is_to_be_verified;
    });
}

void CallLoads::run() {
    std::vector<Wanted> stale;
    std::vector<Wanted> missing;
    std::vector<Wanted> doubted;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
        const AskedCall& asked = calls_[i];
        const Wanted wanted{.index = i,
                            .key = asked.key,
                            .basis = asked.basis,
                            .standing = asked.standing,
                            .has_fallback = asked.has_fallback,
                            .landings = asked.landings,
                            .asked_at = asked.asked_at};
        if (asked.is_to_be_refreshed) stale.push_back(wanted);
        if (asked.is_to_be_verified) doubted.push_back(wanted);
        if (!asked.is_hit) missing.push_back(wanted);
    }
    if (!stale.empty()) refresh(stale);
    if (!doubted.empty()) verify(doubted);
    load(std::move(missing));
}

std::unique_ptr<LoadJob> CallLoads::make_job() { return std::make_unique<CallJob>(door_, rules_); }

std::unique_ptr<LoadJob> CallLoads::make_verification() {
    return std::make_unique<CallVerification>(door_, rules_);
}

void* CallLoads::place(LoadJob& job, std::size_t index, bool is_task) {
    AnyCall* const call = calls_[index].call;
    if (!is_task) return call;
    try {
        auto copy = call->copy();
        return copy ? static_cast<CallJob&>(job).keep_call(std::move(copy)) : nullptr;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {  // a copy constructor of the user's
        return nullptr;
    }
}

void CallLoads::loaded(std::size_t index, KeyLoad& load) {
    calls_[index].is_hit = false;
    calls_[index].result = std::move(load.product);
}

void CallLoads::take(std::size_t index, const std::shared_ptr<const void>& product) {
    calls_[index].is_hit = false;
    calls_[index].result = product;
}

/// One that has its stale result already needs no other one.
void CallLoads::fail(std::size_t index, std::exception_ptr error) {
    if (!calls_[index].is_hit) calls_[index].error = std::move(error);
}

bool CallLoads::fall_back(std::size_t index) {
    AskedCall& asked = calls_[index];
    if (asked.is_hit) return true;
    if (!asked.has_fallback) return false;
    const FoundEntry standing = look_at(cache(), asked.standing, asked.key.in_envelope());
    // By now it may be too old.
    if (!may_be_served(freshness(cache(), standing, rules_))) return false;
    if (!decode(asked, *standing.entry)) return false;
    asked.is_hit = asked.is_stale = true;
    count(&Counters::stale_served);
    return true;
}

void CallLoads::count(Counter Counters::*counter) noexcept {
    cache().core().count(counter, door_.site.counters);
}

}  // namespace cachemodel::detail
