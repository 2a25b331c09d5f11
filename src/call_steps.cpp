// cachemodel: the steps of which answering a cached call is made.
// SPDX-License-Identifier: MIT
#include "call_steps.hpp"
#include "cache_core.hpp"

#include <utility>

namespace cachemodel::detail {

namespace {

/// Decodes each answer of a read into its place.
class ResultSink final : public ReadSink {
 public:
    ResultSink(const CallDoor& door, std::span<Wanted> wanted) : door_(door), wanted_(wanted) {}

    void found(std::size_t index, std::string_view value, std::uint64_t) noexcept override {
        try {
            decode_entry(wanted_[index], value);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void absent(std::size_t) noexcept override {}
    void unusable(std::size_t index, MissReason reason) noexcept override {
        wanted_[index].found.reason = reason;
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        wanted_[index].found.failure = failure;
    }
    void rethrow_fatal() const {
        if (fatal_) std::rethrow_exception(fatal_);
    }

 private:
    /// Errors: `std::bad_alloc`; whatever else goes wrong is a miss.
    void decode_entry(Wanted& wanted, std::string_view bytes) const {
        const auto reason =
            read_entry(door_.cache, bytes, wanted.key.in_envelope(), [&](CborReader& reader) {
                reader.every_member_required = true;  // the function knows it
                return door_.table.decode(reader, wanted.result);
            });
        wanted.found.found = !reason;
        wanted.found.reason = reason.value_or(MissReason{});
    }

    const CallDoor& door_;
    std::span<Wanted> wanted_;
    std::exception_ptr fatal_;
};

}  // namespace

void CallSteps::count(Counter Counters::*counter) const noexcept {
    door_.cache.core().counters.*counter += 1;
    door_.site.counters.*counter += 1;
}

void CallSteps::read(std::span<const std::string_view> keys, std::span<Wanted> wanted) const {
    ResultSink sink{door_, wanted};
    door_.cache.read_many(keys, sink);
    sink.rethrow_fatal();
    if (door_.cache.is_bypass()) return;
    door_.site.counters.round_trips += 1;
    for (const auto& [key, result, found] : wanted) {
        if (found.found) count(&Counters::hits);
        if (found.absent()) {
            door_.cache.core().counters.count_miss(found.reason);
            door_.site.counters.count_miss(found.reason);
        }
        if (found.failure) door_.site.counters.read_failures += 1;
    }
}

Found CallSteps::read_one(const EntryKey& key, void* result) const {
    const std::string_view stored = key.stored;
    Wanted wanted{key, result};
    read({&stored, 1}, {&wanted, 1});
    return std::move(wanted.found);
}

std::shared_ptr<const void> CallSteps::run(AnyCall& call) const {
    try {
        auto result = call.run();
        count(&Counters::loads);
        return result;
    } catch (...) {
        count(&Counters::load_failures);
        throw;
    }
}

/// Reads the result back from what is to be stored, so that the first call and the later ones give
/// the same. Nothing is stored of one that cannot be read back.
void CallSteps::make_storable(const EntryKey& key, Computed& computed) const {
    try {
        auto entry = prepare_entry(
            door_.cache, key, door_.site.settings.expires,
            [&](CborWriter& writer) { door_.table.encode(writer, computed.result.get()); });
        const OpenResult opened = open_entry(entry.bytes, key.in_envelope());
        const std::shared_ptr<void> read_back = door_.table.make();
        CborReader reader{opened.entry.value().body};
        if (door_.table.decode(reader, read_back.get()) && reader.at_end()) {
            computed = {read_back, std::move(entry)};
            return;
        }
    } catch (...) {
        // A converter of the user's, or no memory: the result is returned all the same.
    }
    count(&Counters::store_failures);
}

std::optional<PreparedEntry> CallSteps::prepare_later(const EntryKey& key, const void* result,
                                                      SteadyTime since) const {
    const SteadyTime end = over(since);
    const SteadyTime at = now();
    if (at >= end) return std::nullopt;
    const Lifetime rest = end == SteadyTime::max() ? Lifetime{} : Lifetime{end - at};
    try {
        return prepare_entry(door_.cache, key, rest,
                             [&](CborWriter& writer) { door_.table.encode(writer, result); });
    } catch (...) {  // a converter of the user's, or no memory
        count(&Counters::store_failures);
        return std::nullopt;
    }
}

/// Errors: what the function throws, and what the user's predicate does.
Computed CallSteps::compute(const EntryKey& key, AnyCall& call) const {
    Computed computed{run(call)};
    if (call.keeps_out(computed.result.get())) {
        count(&Counters::kept_out);
    } else {
        make_storable(key, computed);
    }
    return computed;
}

/// Never fails the call: what goes wrong is counted.
void CallSteps::store(std::span<const Entry> entries, std::span<Outcome> outcomes) const {
    Counters& counters = door_.site.counters;
    try {
        counters.round_trips += 1;
        door_.cache.store_many(Store::set, entries, outcomes);
    } catch (...) {
        for (auto& outcome : outcomes) outcome = Failure{std::current_exception()};
        door_.cache.core().counters.store_failures += entries.size();
    }
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        // A lifetime that is over removes.
        if (outcomes[i].done() && !entries[i].lifetime.is_over()) counters.stores += 1;
        if (outcomes[i].failed()) counters.store_failures += 1;
    }
}

bool CallSteps::store_one(const EntryKey& key, const PreparedEntry& prepared) const {
    const Entry entry{key.stored, prepared.bytes, prepared.lifetime};
    Outcome outcome;
    store({&entry, 1}, {&outcome, 1});
    return outcome.done();
}

Outcome CallSteps::remove_one(const EntryKey& key) const {
    const std::string_view stored = key.stored;
    Outcome outcome;
    door_.site.counters.round_trips += 1;
    door_.cache.remove_many({&stored, 1}, {&outcome, 1});
    if (outcome.done()) door_.site.counters.removals += 1;
    return outcome;
}

void CallSteps::remove_if_possible(const EntryKey& key) const noexcept {
    try {
        (void)remove_one(key);
    } catch (...) {
        // No memory. The caller has its result all the same.
    }
}

std::string CallSteps::flight_key(const EntryKey& key) const {
    return door_.cache.final_key(key.in_envelope());
}

Flights::Boarding CallSteps::board(const EntryKey& key) const {
    return door_.cache.core().call_flights.board(flight_key(key), *door_.table.type, now());
}

Flights::Boarding CallSteps::board_anew(const EntryKey& key) const {
    return door_.cache.core().call_flights.board_anew(flight_key(key), *door_.table.type);
}

void CallSteps::supersede(const EntryKey& key) const {
    door_.cache.core().call_flights.supersede(flight_key(key));
}

SteadyTime CallSteps::now() const { return door_.cache.clock().steady(); }

SteadyTime CallSteps::over(SteadyTime since) const {
    const Lifetime expires = door_.site.settings.expires;
    if (expires.is_never() || expires.duration() >= SteadyTime::max() - since) {
        return SteadyTime::max();
    }
    return since + expires.duration();
}

/// Takes part in the flight of another one. Errors: what the function throws there, or here.
std::shared_ptr<const void> CallSteps::join(const EntryKey& key, AnyCall& call,
                                            std::shared_ptr<Flight> flight) const {
    const Passage passage{std::move(flight), *door_.table.type};
    switch (passage.kind()) {
        case Passage::Kind::given:
            count(&Counters::joined);
            return passage.result();
        case Passage::Kind::failed:
            passage.rethrow();
        case Passage::Kind::too_deep:
            throw RecursiveLoad("to compute " + key.stored + " it is needed itself");
        case Passage::Kind::entered:
        case Passage::Kind::alone:
            break;
    }
    return run(call);
}

/// Computes, and gives what came of it to those who wait.
Computed CallSteps::lead(const EntryKey& key, AnyCall& call, Flights::Lead& leading) const {
    try {
        Computed computed = compute(key, call);
        leading.give(computed.result, over(now()));
        return computed;
    } catch (...) {
        leading.fail(std::current_exception());
        throw;
    }
}

/// The result that somebody stored after a first look into the cache, which is given to those who
/// wait; null where there is none.
std::shared_ptr<const void> CallSteps::look_again(const EntryKey& key,
                                                  Flights::Lead& leading) const {
    auto result = door_.table.make();
    if (!read_one(key, result.get()).found) return nullptr;
    leading.give(result, over(now()));
    return result;
}

}  // namespace cachemodel::detail
