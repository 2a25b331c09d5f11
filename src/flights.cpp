// cachemodel: what is being computed, so that equal callers share one result.
// SPDX-License-Identifier: MIT
#include "flights.hpp"

#include <algorithm>
#include <new>
#include <vector>

#include "load_limit.hpp"
#include "waits.hpp"

namespace cachemodel::detail {

Flights::Flights() {
    static_cast<void>(flights_mutex());  // joins the forks before
    join_forks();
}

Flights::~Flights() { leave_forks(); }

/// The flights of other threads will never end here. Whoever holds one of them still finds that
/// nobody leads it.
void Flights::in_child() noexcept {
    new (&stored_) std::condition_variable;
    for (auto& [key, place] : places_) {
        for (auto* const flight : {&place.flight, &place.beside, &place.next}) {
            if (*flight && (*flight)->generation != process_generation()) *flight = nullptr;
        }
        place.storing = 0;
    }
    for (const Flight* led = this_thread().leads; led != nullptr; led = led->next_of_leader) {
        if (&led->home == this && led->is_storing) places_.find(led->key)->second.storing += 1;
    }
    std::erase_if(places_, [](const auto& each) { return each.second.is_empty(); });
    size_ = places_.size();
}

std::uint64_t Flights::landings(Runway runway) const noexcept {
    return landings_[runway].load() - this_thread().landings.of(*this, runway);
}

/// The flight for `key` that waits for its result from the caller, although it may be superseded.
std::shared_ptr<Flight> Flights::led_by_caller(const std::string& key) const noexcept {
    for (Flight* led = this_thread().leads; led != nullptr; led = led->next_of_leader) {
        const bool is_under_way = led->leader != nullptr;
        if (is_under_way && &led->home == this && led->key == key) return led->shared_from_this();
    }
    return nullptr;
}

Flights::Boarding Flights::board(const std::string& key, const std::type_info& type,
                                 const Passenger& passenger) {
    auto flight = std::make_shared<Flight>(*this, key, type, nullptr, 0);
    flight->epoch = passenger.epoch.value_or(0);
    flight->over = passenger.over;
    const std::lock_guard lock{flights_mutex()};
    const auto place = place_for(key);
    for (const auto& there : {place->second.flight, place->second.beside}) {
        if (there && there.get() != passenger.passed_by && passenger.now < there->over &&
            (!passenger.epoch || there->epoch == *passenger.epoch) &&
            (!there->is_waiting || passenger.leads_later)) {
            return {there, false};
        }
    }
    if (auto led = led_by_caller(key)) {
        erase_if_empty(place);
        return {std::move(led), false};
    }
    flight->generation = process_generation();
    flight->is_waiting = passenger.leads_later;
    if (!passenger.leads_later) flight->leader = &this_thread();
    const auto& there = place->second.flight;
    const bool stays = there && (there.get() == passenger.passed_by ||
                                 (there->is_refresh && passenger.now < there->over));
    if (stays) {
        flight->superseded = true;
        place->second.beside = flight;
    } else {
        supersede(place, flight);
    }
    return {std::move(flight), true};
}

Flights::RefreshBoarding Flights::board_refresh(const std::string& key, const std::type_info& type,
                                                SteadyTime now, SteadyTime over, bool can_wait) {
    auto flight = std::make_shared<Flight>(*this, key, type, &this_thread(), process_generation());
    flight->is_refresh = true;
    flight->over = over;
    std::unique_lock lock{flights_mutex()};
    const auto place = place_for(key);
    const auto earlier = place->second.flight;
    auto& next = place->second.next;
    if (earlier && depends_on(*earlier, &this_thread())) return {{earlier, false}};
    if (auto led = led_by_caller(key)) {
        erase_if_empty(place);
        return {{std::move(led), false}};
    }
    if (can_wait && next) return {{next, false}, true};
    if (can_wait && earlier && earlier->is_refresh && now < earlier->over) {
        next = flight;
        return {{std::move(flight), true}, false, earlier};
    }
    supersede(place, flight);
    wait_for_storing(key, lock);
    return {{std::move(flight), true}};
}

void Flights::take_off(const std::shared_ptr<Flight>& refresh, SteadyTime over) {
    std::unique_lock lock{flights_mutex()};
    refresh->over = over;
    const auto place = place_for(refresh->key);
    if (place->second.next == refresh) place->second.next = nullptr;
    supersede(place, refresh);
    wait_for_storing(refresh->key, lock);
}

bool Flights::await_landing(Flight& flight, SteadyTime deadline) {
    Thread& me = this_thread();
    std::unique_lock lock{flights_mutex()};
    me.waits_for = &flight;
    me.waits_for_landing = true;
    flight.ended.wait_until(lock, deadline, [&] {
        return flight.has_landed || flight.generation != process_generation() ||
               lands_by(flight, &me);
    });
    me.waits_for = nullptr;
    me.waits_for_landing = false;
    return flight.has_landed;
}

void Flights::supersede(const std::string& key, bool waits) {
    if (is_empty()) return;
    std::unique_lock lock{flights_mutex()};
    const auto place = places_.find(key);
    if (place == places_.end()) return;
    supersede(place, nullptr);
    erase_if_empty(place);
    if (waits) wait_for_storing(key, lock);
}

void Flights::await_storing(const std::string& key) {
    if (is_empty()) return;
    std::unique_lock lock{flights_mutex()};
    wait_for_storing(key, lock);
}

void Flights::supersede(const Flight& flight) {
    std::unique_lock lock{flights_mutex()};
    const auto place = places_.find(flight.key);
    if (place == places_.end() || place->second.flight.get() != &flight) return;
    supersede(place, nullptr);
    erase_if_empty(place);
    wait_for_storing(flight.key, lock);
}

void Flights::supersede_all(std::string_view prefix) {
    if (is_empty()) return;
    std::vector<std::string> storing;
    std::unique_lock lock{flights_mutex()};
    for (auto next = places_.begin(); next != places_.end();) {
        const auto place = next++;
        if (!place->first.starts_with(prefix)) continue;
        if (place->second.storing != 0) storing.push_back(place->first);
        supersede(place, nullptr);
        erase_if_empty(place);
    }
    for (const auto& key : storing) wait_for_storing(key, lock);
}

bool Flights::is_led_here(const Flight& flight) noexcept {
    const Flight* led = this_thread().leads;
    while (led != nullptr && led != &flight) led = led->next_of_leader;
    return led != nullptr;
}

bool Flights::is_superseded(const Flight& flight) noexcept {
    const std::lock_guard lock{flights_mutex()};
    return flight.superseded;
}

void Flights::run_in_line(Flight& flight) {
    {
        const std::lock_guard lock{flights_mutex()};
        if (flight.leader != &this_thread()) return;
    }
    if (const auto run = std::exchange(flight.run_early, nullptr)) run();
}

void Flights::supersede(Places::iterator place, std::shared_ptr<Flight> by) noexcept {
    if (const auto& flight = place->second.flight) flight->superseded = true;
    place->second.flight = std::move(by);
    place->second.beside = nullptr;  // superseded from the beginning
}

Flights::Places::iterator Flights::place_for(const std::string& key) {
    const auto place = places_.try_emplace(key).first;
    size_ = places_.size();
    return place;
}

void Flights::erase_if_empty(Places::iterator place) noexcept {
    if (!place->second.is_empty()) return;
    places_.erase(place);
    size_ = places_.size();
}

void Flights::wait_for_storing(const std::string& key, std::unique_lock<std::mutex>& lock) {
    // An observer or a backend of the user's may come here while something is stored. Others may
    // wait for that.
    for (const Flight* led = this_thread().leads; led != nullptr; led = led->next_of_leader) {
        if (led->is_storing) return;
    }
    stored_.wait(lock, [&] {
        const auto place = places_.find(key);
        return place == places_.end() || place->second.storing == 0;
    });
}

Flights::Lead::Lead(Flights& flights, std::shared_ptr<Flight> flight, Runway runway) noexcept
    : flights_(&flights), flight_(std::move(flight)), runway_(runway) {
    if (!flight_->is_waiting) begin();
}

void Flights::Lead::begin() noexcept {
    if (is_linked_) return;
    is_linked_ = true;
    flight_->next_of_leader = std::exchange(this_thread().leads, flight_.get());
    const std::lock_guard lock{flights_mutex()};
    if (flight_->is_waiting) {
        flight_->is_waiting = false;
        flight_->leader = &this_thread();
    } else if (flight_->leader == nullptr) {
        flight_->finisher = &this_thread();
    }
}

void Flights::Lead::pause() noexcept {
    unlink();
    const std::lock_guard lock{flights_mutex()};
    flight_->finisher = nullptr;
    if (flight_->leader == nullptr) return;  // it has its result
    flight_->leader = nullptr;
    flight_->is_waiting = true;
}

void Flights::Lead::unlink() noexcept {
    if (!std::exchange(is_linked_, false)) return;
    Flight** link = &this_thread().leads;
    while (*link != nullptr && *link != flight_.get()) link = &(*link)->next_of_leader;
    if (*link != nullptr) *link = flight_->next_of_leader;
}

Flights::Lead::~Lead() {
    if (!flight_) return;
    flights_->landings_[runway_] += 1;
    this_thread().landings.add(*flights_, runway_);
    unlink();
    end_storing();
    const std::lock_guard lock{flights_mutex()};
    leave();  // where it gave nothing, those who wait go on by themselves
}

void Flights::Lead::set_epoch(std::uint64_t epoch) noexcept {
    const std::lock_guard lock{flights_mutex()};
    flight_->epoch = epoch;
}

void Flights::Lead::give(std::shared_ptr<const void> result, SteadyTime over) noexcept {
    const std::lock_guard lock{flights_mutex()};
    flight_->result = std::move(result);
    flight_->over = over;
    flight_->finisher = std::exchange(flight_->leader, nullptr);
    flight_->is_waiting = false;
    flight_->ended.notify_all();
}

void Flights::Lead::fail(std::exception_ptr error) noexcept {
    const std::lock_guard lock{flights_mutex()};
    flight_->error = std::move(error);
    leave();
}

bool Flights::Lead::begin_storing() {
    const std::lock_guard lock{flights_mutex()};
    if (flight_->superseded || flight_->is_storing) return !flight_->superseded;
    flights_->place_for(flight_->key)->second.storing += 1;
    flight_->is_storing = true;
    return true;
}

void Flights::Lead::end_storing() noexcept {
    if (!flight_->is_storing) return;  // only its leader changes it
    const std::lock_guard lock{flights_mutex()};
    flight_->is_storing = false;
    const auto place = flights_->places_.find(flight_->key);
    if (place == flights_->places_.end()) return;
    place->second.storing -= 1;
    flights_->erase_if_empty(place);
    flights_->stored_.notify_all();
}

void Flights::Lead::leave() noexcept {
    flight_->has_landed = true;
    flight_->leader = nullptr;
    flight_->finisher = nullptr;
    flight_->is_waiting = false;
    flight_->ended.notify_all();
    const auto place = flights_->places_.find(flight_->key);
    if (place == flights_->places_.end()) return;
    if (place->second.flight == flight_) place->second.flight = nullptr;
    if (place->second.beside == flight_) place->second.beside = nullptr;
    if (place->second.next == flight_) place->second.next = nullptr;
    flights_->erase_if_empty(place);
}

Passage::Passage(std::shared_ptr<Flight> flight, const std::type_info& type, const Terms& terms)
    : flight_(std::move(flight)), kind_(Kind::alone) {
    Thread& me = this_thread();
    std::unique_lock lock{flights_mutex()};
    const auto is_for_itself = [&] { return depends_on(*flight_, &me); };
    if (!is_for_itself()) {
        if (flight_->type != type) return;
        if (terms.is_in_line && depends_on(*flight_, nullptr)) return;
        me.waits_for = flight_.get();
        const LoadLimit::Waiting waiting{terms.leaves_place && is_led(*flight_)};
        // It may be so from now on, where somebody wants back what this thread has borrowed.
        const auto is_over = [&] { return !is_led(*flight_) || is_for_itself(); };
        if (terms.deadline == SteadyTime::max()) {
            flight_->ended.wait(lock, is_over);
        } else if (!flight_->ended.wait_until(lock, terms.deadline, is_over)) {
            kind_ = Kind::late;
        }
        me.waits_for = nullptr;
        if (flight_->error) kind_ = Kind::failed;
        if (flight_->result) kind_ = Kind::given;
        if (kind_ != Kind::alone || !is_for_itself()) return;
    }
    is_recursion_ = flight_->leader == &me && flight_->is_running;
    kind_ = flight_->reentries == 0 ? Kind::entered : Kind::too_deep;
    if (kind_ == Kind::entered) flight_->reentries += 1;
}

Passage::~Passage() {
    if (kind_ != Kind::entered) return;
    const std::lock_guard lock{flights_mutex()};
    flight_->reentries -= 1;
}

}  // namespace cachemodel::detail
