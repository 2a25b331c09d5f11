// cachemodel: leads the loads of what is not in the cache, or joins those that are under way.
// SPDX-License-Identifier: MIT
#include "loads.hpp"

#include <algorithm>
#include <utility>

#include "cache_core.hpp"

namespace cachemodel::detail {

namespace {

/// So long an update waits for what has come and is not stored yet, where nobody is at work on it.
/// What is to go on with it may need this thread.
constexpr std::chrono::milliseconds longest_standstill{500};

std::exception_ptr needed_by_itself(const EntryKey& key) {
    return std::make_exception_ptr(RecursiveLoad("to load " + key.stored + " it is needed itself"));
}

}  // namespace

Flights::Boarding Loads::board(const Wanted& wanted, const std::string& flight_key,
                               bool leads_later) {
    const SteadyTime now = cache_.clock().steady();
    return flights_.board(
        flight_key, product_,
        {.now = now,
         .epoch = wanted.basis.is_known ? std::optional{wanted.basis.epoch} : std::nullopt,
         .over = now + longest_load(rules_).duration(),
         .leads_later = leads_later});
}

KeyLoad& Loads::add(LoadJob& job, const Wanted& wanted, std::string flight_key, void* place) {
    const auto runway = Flights::runway(wanted.key.in_envelope());
    const auto leased_until = wanted.basis.leased_until;
    return job.add({.key = wanted.key,
                    .basis = wanted.basis,
                    .flight_key = std::move(flight_key),
                    .place = place,
                    .standing = wanted.standing,
                    .has_fallback = !wanted.standing.empty() && !is_for_update(),
                    .look_again = flights_.landings(runway) != wanted.landings,
                    .is_leased_by_other = leased_until && wall_time(cache_) < *leased_until});
}

void Loads::fly(LoadJob& job, const Wanted& wanted, std::string flight_key, void* place,
                std::shared_ptr<Flight> flight) {
    KeyLoad& load = add(job, wanted, std::move(flight_key), place);
    load.lead.emplace(flights_, std::move(flight), Flights::runway(wanted.key.in_envelope()));
}

/// Whether the loader is left alone now.
bool Loads::is_backed_off(const Wanted& wanted, const std::string& flight_key) {
    const auto error = cache_.core().load_backoff.find(flight_key, cache_.clock().steady());
    if (!error) return false;
    count(&Counters::backed_off);
    if (!fall_back(wanted.index)) fail(wanted.index, error);
    return true;
}

void Loads::load(std::vector<Wanted> wanted) {
    // A flight may end without a result that could be taken over: somebody else leads the next one.
    constexpr int most_attempts = 3;
    for (int attempt = 0; attempt < most_attempts && !wanted.empty(); ++attempt) {
        wanted = load_once(wanted);
    }
    for (const auto& each : wanted) load_alone(each);
}

/// Leads the loads of those that nobody loads yet, and joins the others. Those to be tried again.
std::vector<Wanted> Loads::load_once(const std::vector<Wanted>& wanted) {
    const bool is_bypass = cache_.is_bypass();
    const bool as_task = !rules_.load_timeout.is_never() && !LoadJob::is_in_task() && !is_bypass;
    Led here{make_job(), {}};
    std::unique_ptr<LoadJob> elsewhere = as_task ? make_job() : nullptr;
    std::vector<Joined> joined;
    for (const auto& each : wanted) {
        if (is_bypass) {
            add(*here.job, each, {}, place(*here.job, each.index, false));
            here.indices.push_back(each.index);
            continue;
        }
        std::string flight_key = cache_.final_key(each.key.in_envelope());
        if (is_backed_off(each, flight_key)) continue;
        void* const own_place = as_task ? place(*elsewhere, each.index, true) : nullptr;
        auto [flight, leads] = board(each, flight_key, own_place != nullptr);
        if (!leads || own_place != nullptr) joined.push_back({each, flight, leads});
        if (!leads) continue;
        if (own_place != nullptr) {
            fly(*elsewhere, each, std::move(flight_key), own_place, std::move(flight));
        } else {
            fly(*here.job, each, std::move(flight_key), place(*here.job, each.index, false),
                std::move(flight));
            here.indices.push_back(each.index);
        }
    }
    if (elsewhere && !elsewhere->is_empty()) hand_over(std::move(elsewhere), true);
    run_here(std::move(here));
    // Only now: while this thread leads, another one may wait for it.
    const SteadyTime deadline = deadline_in(rules_.load_timeout);
    std::vector<Wanted> again;
    for (const auto& each : joined) {
        if (!join(each, deadline)) again.push_back(each.wanted);
    }
    return again;
}

void Loads::run_here(Led led) {
    if (led.indices.empty()) return;
    if (is_for_update()) led.job->complete_here();
    led.job->run_now();
    for (std::size_t i = 0; i < led.indices.size(); ++i) {
        collect(led.indices[i], led.job->loads()[i]);
    }
    if (auto rest = led.job->take_rest()) hand_over(std::move(rest), true);
}

/// Gives the job to the executor of its cache. What that has no room for is run here and now, if it
/// is waited for, and else not at all.
void Loads::hand_over(std::unique_ptr<LoadJob> job, bool is_awaited) {
    job->become_task(loans_, is_awaited);
    const std::size_t loads = job->loads().size();
    std::unique_ptr<Task> task = std::move(job);
    try {
        if (cache_.core().executor().submit(task)) return;
    } catch (...) {
        // As good as no room.
    }
    for (std::size_t i = 0; i < loads; ++i) count(&Counters::refused_tasks);
    if (is_awaited && task) task->run();
}

void Loads::refresh(const std::vector<Wanted>& wanted) {
    auto job = make_job();
    std::vector<Wanted> here;
    for (const auto& each : wanted) {
        std::string flight_key = cache_.final_key(each.key.in_envelope());
        if (cache_.core().load_backoff.find(flight_key, cache_.clock().steady())) continue;
        void* const own_place = place(*job, each.index, true);
        if (own_place == nullptr) {
            here.push_back(each);
            continue;
        }
        auto [flight, leads] = board(each, flight_key, true);
        if (leads) fly(*job, each, std::move(flight_key), own_place, std::move(flight));
    }
    if (!job->is_empty()) hand_over(std::move(job), false);
    // Who comes first loads what no task can load; the others are served meanwhile.
    for (const auto& each : here) {
        std::string flight_key = cache_.final_key(each.key.in_envelope());
        auto [flight, leads] = board(each, flight_key, false);
        if (!leads) continue;
        Led led{make_job(), {each.index}};
        fly(*led.job, each, std::move(flight_key), place(*led.job, each.index, false),
            std::move(flight));
        run_here(std::move(led));
    }
}

/// What a load of this thread came to.
void Loads::collect(std::size_t index, KeyLoad& load) {
    switch (load.state) {
        case KeyLoad::State::found:
            return loaded(index, load);
        case KeyLoad::State::taken:
        case KeyLoad::State::missing:
            return take(index, load.product);
        case KeyLoad::State::failed:
            if (!fall_back(index)) fail(index, load.error);
            return;
        case KeyLoad::State::pending:
        case KeyLoad::State::left:
            (void)fall_back(index);
            return;
    }
}

/// Whether what the flight brings is no older than the call. Usually what both have read tells: a
/// removal in between would have changed it. But a server that was started anew forgets that there
/// was one, and one that does not answer tells nothing.
bool Loads::may_take(const Joined& joined) const noexcept {
    const Flight& flight = *joined.flight;
    const Basis& basis = joined.wanted.basis;
    if (joined.is_own || flight.begun >= joined.wanted.asked_at) return true;
    // Needed inside of the call that leads it, and stored only with what that call has read.
    if (Flights::is_led_here(flight)) return true;
    if (!basis.is_known) return false;
    if (basis.epoch != 0 || !uses_leases(cache_, rules_)) return true;
    return basis.lease_owner != 0 && basis.lease_owner == flight.lease_owner;
}

/// Whether it has its answer now.
bool Loads::join(const Joined& joined, SteadyTime deadline) {
    const std::size_t index = joined.wanted.index;
    if (!joined.is_own && joined.flight->type == product_) Flights::run_in_line(*joined.flight);
    const Passage passage{joined.flight, product_, deadline, LoadJob::is_in_task()};
    switch (passage.kind()) {
        case Passage::Kind::given:
            if (!may_take(joined)) {
                // For a moment: its leader may need this thread for what else it leads.
                const SteadyTime patience = deadline_in(rules_.lease_wait);
                Flights::await_landing(*joined.flight, std::min(deadline, patience));
                return false;
            }
            if (!joined.is_own) count(&Counters::joined);
            if (is_for_update()) return join_to_the_end(joined, deadline);
            take(index, passage.result());
            return true;
        case Passage::Kind::failed:
            if (!fall_back(index)) fail(index, passage.error());
            return true;
        case Passage::Kind::late:
            fail_late(joined);
            return true;
        case Passage::Kind::entered:
            if (may_reenter() || !passage.is_recursion()) {
                load_alone(joined.wanted);
                return true;
            }
            [[fallthrough]];
        case Passage::Kind::too_deep:
            fail(index, needed_by_itself(joined.wanted.key));
            return true;
        case Passage::Kind::alone:
            break;
    }
    if (joined.flight->type == product_) return fall_back(index);
    load_alone(joined.wanted);
    return true;
}

/// Takes what there is once it is stored, with its second step. Whether it has its answer now.
bool Loads::join_to_the_end(const Joined& joined, SteadyTime deadline) {
    Flight& flight = *joined.flight;
    const std::size_t index = joined.wanted.index;
    const bool is_here = Flights::is_led_here(flight);
    if (is_here && flight.is_running) {
        fail(index, needed_by_itself(joined.wanted.key));
        return true;
    }
    const auto lands_within = [&](Lifetime time) {
        return Flights::await_landing(flight, std::min(deadline, deadline_in(time)));
    };
    const bool has_landed =
        !is_here && (lands_within(joined.is_own ? rules_.load_timeout : longest_standstill) ||
                     (flight.is_running && lands_within(longest_load(rules_))));
    if (has_landed) {
        flight.error ? fail(index, flight.error) : take(index, flight.result);
        return true;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
        fail_late(joined);
        return true;
    }
    flights_.supersede(flight.key);
    return false;
}

void Loads::fail_late(const Joined& joined) {
    const std::size_t index = joined.wanted.index;
    count(&Counters::load_timeouts);
    if (fall_back(index)) return;
    fail(index, std::make_exception_ptr(LoadTimeout("the load of " + joined.wanted.key.stored +
                                                    " takes longer than " +
                                                    to_string(rules_.load_timeout))));
}

/// Where others load the same and cannot be waited for.
void Loads::load_alone(const Wanted& wanted) {
    Led led{make_job(), {wanted.index}};
    add(*led.job, wanted, cache_.final_key(wanted.key.in_envelope()),
        place(*led.job, wanted.index, false));
    run_here(std::move(led));
}

}  // namespace cachemodel::detail
