// cachemodel: what one call has to say to one server, and the answers.
// SPDX-License-Identifier: MIT
#include "net/conversation.hpp"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>
#include <vector>

#include "net/server_text.hpp"

namespace cachemodel::net {

namespace {

/// Questions are written down ahead of sending up to about this many bytes.
constexpr std::size_t request_window = std::size_t{64} << 10;

/// For an answer up to this size there is room as soon as its size is known.
constexpr std::size_t eager_buffer = std::size_t{1} << 20;

/// Where there is less time left than this, only polling ends in time.
constexpr auto least_to_wait_for = 4 * Connection::longest_wait;

/// A call that talks to one server and waits for a connection to another looks for it this often.
constexpr std::chrono::milliseconds busy_pause{1};

/// Errors leave every `revents` as it is, zero: a signal only wakes the caller.
void poll(pollfd* polled, nfds_t count, TimePoint wake) noexcept {
    const auto left = std::max(std::chrono::nanoseconds{wake - std::chrono::steady_clock::now()},
                               std::chrono::nanoseconds{0});
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec pause{seconds.count(), (left - seconds).count()};
    static_cast<void>(::ppoll(polled, count, &pause, nullptr));
}

}  // namespace

bool Conversation::begin(TimePoint deadline, std::chrono::nanoseconds allowed, TimePoint now) {
    switch (server_.borrow(lease_, is_second_try_, deadline)) {
        case Server::Admission::busy:
            return false;
        case Server::Admission::down: {
            const auto record = server_.record();
            fail_rest(record.last_trouble.fault, why_not_asked(record));
            return true;
        }
        case Server::Admission::granted:
            break;
    }
    may_blame_silence_ = deadline - now >= allowed / 2;
    may_blame_connecting_ =
        may_blame_silence_ || deadline - now >= server_.limits().connect_timeout;
    asked_ = next_;
    awaits_end_ = false;
    greet(!lease_.was_idle(), lease_.connection().request());
    advance(0, now);
    return true;
}

short Conversation::events() noexcept {
    const auto& connection = lease_.connection();
    const bool has_more =
        connection.is_open() && !connection.is_deaf() && asked_ < count() && may_ask();
    return static_cast<short>(connection.events() | (has_more ? POLLOUT : 0));
}

TimePoint Conversation::wakes_at(TimePoint deadline) noexcept {
    const auto& connection = lease_.connection();
    return connection.is_open() ? deadline : std::min(deadline, connection.wakes_at());
}

bool Conversation::await_answer(TimePoint now) {
    const auto before = lease_.connection().received();
    advance(POLLIN, now, true);
    return !lease_.is_held() || lease_.connection().received() != before;
}

void Conversation::advance(short ready, TimePoint now, bool waits) {
    std::optional<Trouble> trouble;
    if (converse(ready, now, waits, trouble)) {
        // Bytes beyond the last answer, or an answer that came before its question was sent: such a
        // connection is out of step.
        if (lease_.connection().is_settled()) {
            lease_.give_back(Health::answered);
        } else {
            lease_.drop(Health::answered);
        }
    } else if (trouble) {
        give_up(*trouble);
    }
}

bool Conversation::converse(short ready, TimePoint now, bool waits,
                            std::optional<Trouble>& trouble) {
    auto& connection = lease_.connection();
    if (!connection.is_open()) {
        trouble = connection.connect(ready != 0, now);
        if (trouble || !connection.is_open()) return false;
        ready = 0;
    }
    return speak(trouble) && (ready & (POLLIN | POLLHUP | POLLERR)) != 0 && listen(waits, trouble);
}

bool Conversation::speak(std::optional<Trouble>& trouble) {
    auto& connection = lease_.connection();
    auto& request = connection.request();
    // One windowful at a time: between them the deadline is looked at and answers are read.
    while (!connection.is_deaf() && asked_ < count() && may_ask() &&
           request.size() < request_window) {
        asked_ += ask(asked_, request);
    }
    trouble = connection.send();
    return !trouble;
}

bool Conversation::listen(bool waits, std::optional<Trouble>& trouble) {
    auto& connection = lease_.connection();
    trouble = waits ? connection.await() : connection.receive();
    if (trouble) return false;
    while (!is_over() || awaits_end_) {
        const auto answer = connection.answer();
        auto heard = hear(answer);
        const bool is_stuck = heard.used == 0 && heard.expected == 0 && !heard.trouble;
        if (is_stuck && answer.size() >= longest_line) {
            heard = Heard::nonsense();
        }
        if (heard.trouble) {
            trouble = std::move(heard.trouble);
            return false;
        }
        connection.consume(heard.used);
        if (heard.used == 0 || heard.expected != 0) {
            // Room for what has come and as much again: a size that is only announced costs
            // nothing.
            const auto room = std::max(eager_buffer, 2 * std::bit_ceil(answer.size()));
            connection.reserve_answer(std::min(heard.expected, room));
            return false;
        }
    }
    return true;
}

void Conversation::give_up(const Trouble& trouble) {
    // Whatever came behind the last answer, the server has answered.
    if (is_over()) return lease_.drop(Health::answered);
    const bool try_again = trouble.kind == Trouble::Kind::lost && lease_.was_idle() &&
                           !is_second_try_ && is_repeatable();
    auto fault = trouble.fault;
    switch (trouble.kind) {
        case Trouble::Kind::slow:
            fault = BackendFault::timeout;
            if (!may_blame_connecting_) {
                lease_.drop(Health::undecided);
                break;
            }
            [[fallthrough]];
        case Trouble::Kind::unreachable:
        case Trouble::Kind::unwelcome:
            server_.remember_trouble(trouble);
            lease_.drop(Health::unreachable);
            break;
        case Trouble::Kind::nonsense:
            fault = BackendFault::protocol;
            server_.remember_trouble(trouble);
            lease_.drop(Health::broken);
            break;
        case Trouble::Kind::lost:
            if (lease_.was_idle()) {  // it may have been closed at any time since
                lease_.drop(Health::undecided);
                break;
            }
            server_.remember_trouble(trouble);
            lease_.drop(Health::broken);
            break;
        case Trouble::Kind::unfit:
            fault = BackendFault::protocol;
            [[fallthrough]];
        case Trouble::Kind::refused:
            lease_.drop(Health::answered);
            break;
        case Trouble::Kind::own:
            lease_.drop(Health::undecided);
            break;
        case Trouble::Kind::ended:
            lease_.drop(Health::answered);
            return;
    }
    if (try_again) {
        is_second_try_ = true;  // whoever drives this conversation begins it again
        return;
    }
    fail_rest(fault, trouble.what);
}

void Conversation::run_out_of_time(std::chrono::nanoseconds allowed, Delay delay) {
    if (is_over()) return lease_.drop(Health::undecided);
    if (!lease_.is_held()) {
        server_.give_up_waiting();
        fail_rest(BackendFault::timeout, "no free connection" + within(allowed));
        return;
    }
    const auto what = "no complete answer" + within(allowed);
    const auto& connection = lease_.connection();
    const bool has_begun = connection.has_progressed();
    const bool may_blame = connection.is_open() ? may_blame_silence_ : may_blame_connecting_;
    auto health = has_begun           ? Health::stalled
                  : lease_.was_idle() ? Health::forgotten
                                      : Health::unreachable;
    // A server that was asked or looked at too late is not to blame.
    if (!may_blame || delay == Delay::caller || (delay == Delay::slow && !has_begun)) {
        health = Health::undecided;
    }
    if (health == Health::stalled || health == Health::unreachable) {
        server_.remember_trouble({Trouble::Kind::slow, what});
    }
    lease_.drop(health);
    fail_rest(BackendFault::timeout, what);
}

void Conversation::fail_rest(BackendFault fault, const std::string& what) {
    if (is_over()) return;
    const Failure failure{fault, server().endpoint().name + ": " + what};
    for (; !is_over(); ++next_) {
        if (!has_answer(next_)) fail(position(next_), failure);
    }
}

void run(std::span<Conversation* const> talks, TimePoint deadline,
         std::chrono::nanoseconds allowed) {
    std::array<pollfd, 8> few;
    std::vector<pollfd> many(talks.size() > few.size() ? talks.size() : 0);
    pollfd* const polled = many.empty() ? few.data() : many.data();
    // Most answers come at once: where there is one server only, and all is said, they are waited
    // for without polling.
    bool awaits = talks.size() == 1;
    for (;;) {
        auto now = std::chrono::steady_clock::now();
        const bool was_late = now >= deadline;
        nfds_t count = 0;
        std::size_t waiting = 0;
        Conversation* last_waiting = nullptr;
        auto wake = deadline;
        for (auto* talk : talks) {
            // Again on a new connection where the server had closed the idle one.
            while (!was_late && !talk->is_over() && !talk->is_under_way()) {
                if (!talk->begin(deadline, allowed, now)) break;
            }
            if (talk->is_under_way()) {
                polled[count++] = {talk->socket(), talk->events(), 0};
                wake = std::min(wake, talk->wakes_at(deadline));
            } else if (!talk->is_over()) {
                ++waiting;
                last_waiting = talk;
            }
        }
        if (count == 0 && waiting == 0) return;

        if (awaits && count == 1 && polled[0].events == POLLIN &&
            deadline - now >= least_to_wait_for) {
            awaits = talks.front()->await_answer(now);
            continue;
        }

        if (count == 0 && waiting == 1) {
            last_waiting->await_connection(deadline);
        } else {
            if (waiting != 0) wake = std::min(wake, now + busy_pause);
            poll(polled, count, wake);
        }

        now = std::chrono::steady_clock::now();
        const bool is_late = now >= deadline;
        nfds_t at = 0;
        for (auto* talk : talks) {
            auto delay = Conversation::Delay::silent;
            if (talk->is_under_way()) {
                const auto ready = polled[at++].revents;
                // Late or not: what waits to be read came in time, or this side looked too late.
                if (ready != 0 || (!is_late && now >= talk->wakes_at(deadline))) {
                    talk->advance(ready, now);
                }
                if (ready != 0) {
                    delay = was_late ? Conversation::Delay::caller : Conversation::Delay::slow;
                }
            }
            const bool is_left = talk->is_under_way() || !talk->is_over();
            if (is_late && is_left) talk->run_out_of_time(allowed, delay);
        }
    }
}

}  // namespace cachemodel::net
