// cachemodel: leads the loads of what is not in the cache, or joins those that are under way.
// SPDX-License-Identifier: MIT
#include "loads.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "cache_core.hpp"
#include "load_limit.hpp"
#include "load_task.hpp"
#include "verification.hpp"

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
         .leads_later = leads_later,
         .passed_by = wanted.passed_by.get()});
}

KeyLoad& Loads::add(LoadJob& job, const Wanted& wanted, std::string flight_key, void* place) {
    const auto runway = Flights::runway(wanted.key.in_envelope());
    const auto leased_until = wanted.basis.leased_until;
    return job.add({.key = wanted.key,
                    .basis = wanted.basis,
                    .flight_key = std::move(flight_key),
                    .place = place,
                    .standing = wanted.standing,
                    .has_fallback = wanted.has_fallback && !is_for_update(),
                    .look_again = flights_.landings(runway) != wanted.landings,
                    .is_leased_by_other = leased_until && wall_time(cache_) < *leased_until});
}

KeyLoad& Loads::fly(LoadJob& job, const Wanted& wanted, std::string flight_key, void* place,
                    std::shared_ptr<Flight> flight) {
    KeyLoad& load = add(job, wanted, std::move(flight_key), place);
    load.lead.emplace(flights_, std::move(flight), Flights::runway(wanted.key.in_envelope()));
    return load;
}

/// Whether its load, or the second step of that, failed of late.
bool Loads::is_left_alone(const std::string& flight_key) {
    LoadBackoff& backoff = cache_.core().load_backoff;
    const SteadyTime now = cache_.clock().steady();
    return backoff.find(flight_key, now) || backoff.find(completion_key(flight_key), now);
}

/// Whether the loader is left alone now.
bool Loads::is_backed_off(const Wanted& wanted, const std::string& flight_key) {
    const auto error = cache_.core().load_backoff.find(flight_key, cache_.clock().steady());
    if (!error) return false;
    count(&Counters::backed_off);
    if (!fall_back(wanted.index)) fail(wanted.index, error);
    return true;
}

/// Whether whoever wants it has a stale value now, and need not ask again.
bool Loads::falls_back(Wanted& wanted) {
    wanted.has_fallback = fall_back(wanted.index);
    return wanted.has_fallback;
}

bool Loads::is_bounded() const noexcept {
    return !rules_.load_timeout.is_never() && !LoadTask::is_in_one() && !cache_.is_bypass();
}

void Loads::load(std::vector<Wanted> wanted) {
    if (wanted.empty()) return;
    // A flight may end without a result that could be taken over: somebody else leads the next one.
    constexpr int most_attempts = 3;
    const SteadyTime deadline = is_bounded() ? deadline_in(rules_.load_timeout) : SteadyTime::max();
    for (int attempt = 0; attempt < most_attempts && !wanted.empty(); ++attempt) {
        if (attempt > 0 && std::chrono::steady_clock::now() >= deadline) {
            for (auto& each : wanted) time_out(each);
            return;
        }
        wanted = load_once(wanted, deadline);
    }
    for (const auto& each : wanted) load_alone(each);
}

/// Leads the loads of those that nobody loads yet, and joins the others. Those to be tried again.
std::vector<Wanted> Loads::load_once(const std::vector<Wanted>& wanted, SteadyTime deadline) {
    const bool as_task = is_bounded();
    Led here{make_job(), {}};
    std::unique_ptr<LoadJob> elsewhere = as_task ? make_job() : nullptr;
    std::vector<Joined> joined;
    for (const auto& each : wanted) {
        if (cache_.is_bypass()) {
            add(*here.job, each, {}, place(*here.job, each.index, false));
            here.wanted.push_back(each);
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
            here.wanted.push_back(each);
        }
    }
    if (elsewhere && elsewhere->size() > 0) hand_over(std::move(elsewhere), true);
    std::vector<Wanted> again = run_here(std::move(here));
    // Only now: while this thread leads, another one may wait for it.
    for (auto& each : joined) {
        if (!join(each, deadline)) again.push_back(each.wanted);
    }
    return again;
}

/// Those that are to be tried again.
std::vector<Wanted> Loads::run_here(Led led) {
    std::vector<Wanted> again;
    if (led.wanted.empty()) return again;
    if (is_for_update()) led.job->complete_here();
    led.job->run();
    for (std::size_t i = 0; i < led.wanted.size(); ++i) {
        if (!collect(led.wanted[i], (*led.job)[i])) again.push_back(led.wanted[i]);
    }
    if (auto rest = led.job->take_rest()) hand_over(std::move(rest), true);
    return again;
}

/// Gives the job to the executor of its cache. What that has no room for is run here and now, if it
/// is waited for and there is nothing stale to make do with, and else not at all.
void Loads::hand_over(std::unique_ptr<LoadJob> job, bool is_awaited) {
    const std::size_t loads = job->size();
    std::unique_ptr<Task> task = std::make_unique<LoadTask>(std::move(job), loans_, is_awaited);
    try {
        if (cache_.view().background().submit(task)) return;
    } catch (...) {
        // As good as no room.
    }
    for (std::size_t i = 0; i < loads; ++i) count(&Counters::refused_tasks);
    if (!is_awaited || !task) return;
    static_cast<LoadTask&>(*task).job().leave_to_fallback();
    task->run();
}

void Loads::refresh(const std::vector<Wanted>& wanted) {
    auto job = make_job();
    std::vector<Wanted> here;
    for (const auto& each : wanted) {
        std::string flight_key = cache_.final_key(each.key.in_envelope());
        if (is_left_alone(flight_key)) continue;
        void* const own_place = place(*job, each.index, true);
        if (own_place == nullptr) {
            here.push_back(each);
            continue;
        }
        auto [flight, leads] = board(each, flight_key, true);
        if (leads) fly(*job, each, std::move(flight_key), own_place, std::move(flight));
    }
    if (job->size() > 0) hand_over(std::move(job), false);
    // Who comes first loads what no task can load; the others are served meanwhile.
    for (const auto& each : here) {
        std::string flight_key = cache_.final_key(each.key.in_envelope());
        auto [flight, leads] = board(each, flight_key, false);
        if (!leads) continue;
        Led led{make_job(), {each}};
        fly(*led.job, each, std::move(flight_key), place(*led.job, each.index, false),
            std::move(flight));
        (void)run_here(std::move(led));  // what is not answered has been served already
    }
}

bool Loads::draws_verification() const noexcept {
    return cache_.core().chance.share() <= rules_.verify;
}

void Loads::verify(const std::vector<Wanted>& wanted) noexcept {
    try {
        verify_each(wanted);
    } catch (...) {
        // No memory, or a copy constructor of the user's. The caller has its hit.
    }
}

void Loads::verify_each(const std::vector<Wanted>& wanted) {
    auto job = make_verification();
    for (const auto& each : wanted) {
        const std::string flight_key = cache_.final_key(each.key.in_envelope());
        std::string own_key = verification_key(flight_key);
        if (is_left_alone(flight_key) || is_left_alone(own_key)) continue;
        void* const own_place = place(*job, each.index, true);
        if (own_place == nullptr) continue;
        auto [flight, leads] = board(each, own_key, true);
        if (!leads) continue;
        KeyLoad& load = fly(*job, each, std::move(own_key), own_place, std::move(flight));
        load.basis = {.token = each.basis.token};  // what is loaded is not to be stored
    }
    if (job->size() > 0) hand_over(std::move(job), false);
}

/// What a load of this thread came to; false where it came to nothing.
bool Loads::collect(Wanted& wanted, KeyLoad& load) {
    switch (load.state) {
        case KeyLoad::State::found:
            loaded(wanted.index, load);
            return true;
        case KeyLoad::State::taken:
        case KeyLoad::State::missing:
            take(wanted.index, load.product);
            return true;
        case KeyLoad::State::failed:
            if (!fall_back(wanted.index)) fail(wanted.index, load.error);
            return true;
        case KeyLoad::State::pending:
        case KeyLoad::State::left:
            break;
    }
    return falls_back(wanted);
}

/// Whether what the flight brings is no older than the call. Usually what both have read tells: a
/// removal in between would have changed it. But a server that was started anew forgets that there
/// was one, and one that does not answer tells nothing.
bool Loads::may_take(const Joined& joined) const {
    const Flight& flight = *joined.flight;
    const Basis& basis = joined.wanted.basis;
    if (joined.is_own) return true;
    if (!is_enough(joined.wanted.index, flight.result)) return false;
    if (flight.begun >= joined.wanted.asked_at) return true;
    // Needed inside of the call that leads it, and stored only with what that call has read.
    if (Flights::is_led_here(flight)) return true;
    if (!basis.is_known) return false;
    if (basis.epoch != 0 || !uses_leases(cache_, rules_)) return true;
    return basis.chain != 0 && basis.chain == flight.chain;
}

void Loads::time_out(Wanted& wanted) {
    count(&Counters::load_timeouts);
    if (fall_back(wanted.index)) return;
    fail(wanted.index, std::make_exception_ptr(LoadTimeout("the load of " + wanted.key.stored +
                                                           " takes longer than " +
                                                           to_string(rules_.load_timeout))));
}

/// Whether it has its answer now.
bool Loads::join(Joined& joined, SteadyTime deadline) {
    const std::size_t index = joined.wanted.index;
    if (!joined.is_own && joined.flight->type == product_) Flights::run_in_line(*joined.flight);
    const Passage passage{joined.flight,
                          product_,
                          {.deadline = deadline,
                           .is_in_line = LoadTask::is_in_one(),
                           .leaves_place = !joined.is_own}};
    switch (passage.kind()) {
        case Passage::Kind::given:
            if (!may_take(joined)) {
                // For a moment: its leader may need this thread for what else it leads.
                const LoadLimit::Waiting waiting{!joined.is_own};
                const auto moment = std::min(deadline, deadline_in(rules_.lease_wait));
                if (!Flights::await_landing(*joined.flight, moment)) {
                    joined.wanted.passed_by = joined.flight;
                }
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
            time_out(joined.wanted);
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
    if (joined.flight->type == product_) {
        if (falls_back(joined.wanted)) return true;
        if (joined.is_own) count(&Counters::refused_tasks);  // the executor has given it up
        return false;
    }
    load_alone(joined.wanted);
    return true;
}

/// Takes what there is once it is stored, with its second step. Whether it has its answer now.
bool Loads::join_to_the_end(Joined& joined, SteadyTime deadline) {
    Flight& flight = *joined.flight;
    const std::size_t index = joined.wanted.index;
    const bool is_here = Flights::is_led_here(flight);
    if (is_here && flight.is_running) {
        fail(index, needed_by_itself(joined.wanted.key));
        return true;
    }
    const auto lands_within = [&](Lifetime time) {
        const LoadLimit::Waiting waiting{!joined.is_own};
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
        time_out(joined.wanted);
        return true;
    }
    flights_.supersede(flight);
    return false;
}

/// Where others load the same and cannot be waited for.
void Loads::load_alone(const Wanted& wanted) {
    Led led{make_job(), {wanted}};
    add(*led.job, wanted, cache_.final_key(wanted.key.in_envelope()),
        place(*led.job, wanted.index, false));
    (void)run_here(std::move(led));  // nobody else has it, so it is loaded
}

}  // namespace cachemodel::detail
