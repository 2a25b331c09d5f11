// cachemodel: threads that take turns, in every order there is.
// SPDX-License-Identifier: MIT
#include "support/scheduler.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace cachemodel::support {

namespace {

using namespace std::chrono_literals;

// Nothing that is waited for here takes long.
constexpr auto limit = 60s;

/// Keeps this thread, and those that it makes, on one core: only one of them runs at a time, and to
/// wake one on another core takes several times as long.
class OnOneCore {
 public:
    OnOneCore() {
        is_known_ = ::sched_getaffinity(0, sizeof before_, &before_) == 0;
        const int core = ::sched_getcpu();
        if (!is_known_ || core < 0) return;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(core), &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }
    ~OnOneCore() {
        if (is_known_) ::sched_setaffinity(0, sizeof before_, &before_);
    }
    OnOneCore(const OnOneCore&) = delete;
    OnOneCore& operator=(const OnOneCore&) = delete;

 private:
    cpu_set_t before_{};
    bool is_known_ = false;
};

/// What the threads of one play have in common.
struct Turns {
    std::mutex mutex;
    std::condition_variable changed;
};

/// One actor in one play.
class Player {
 public:
    enum class State : std::uint8_t {
        running,
        before_step,
        asleep,  ///< running, and waiting for somebody else
        over,
    };

    Player(Turns& turns, const Actor& actor);
    ~Player() { thread_.join(); }
    Player(const Player&) = delete;
    Player& operator=(const Player&) = delete;

    void step();

    // With the lock.
    State state() const noexcept { return state_; }
    void go_on();
    /// Whether it has come to rest, as far as can be told without asking the system.
    bool rests() const noexcept { return state_ != State::running; }
    /// Whether it may have come to rest all the same.
    bool may_sleep() const noexcept {
        return state_ == State::asleep || (state_ == State::running && !has_turn_);
    }
    void set_asleep(bool is_asleep) noexcept {
        if (state_ == State::running && is_asleep) state_ = State::asleep;
        if (state_ == State::asleep && !is_asleep) state_ = State::running;
    }
    const std::exception_ptr& error() const noexcept { return error_; }

    /// Whether its thread sleeps now. To be asked of one that has begun, and without the lock.
    bool sleeps() const;

 private:
    void run();

    Turns& turns_;
    const Actor& actor_;
    State state_ = State::running;
    bool has_turn_ = false;
    std::size_t taken_ = 0;
    std::exception_ptr error_;
    std::atomic<long> id_{0};
    std::thread thread_;
};

thread_local Player* player_of_thread = nullptr;

Player::Player(Turns& turns, const Actor& actor)
    : turns_(turns), actor_(actor), thread_([this] { run(); }) {}

void Player::run() {
    player_of_thread = this;
    id_ = ::syscall(SYS_gettid);
    try {
        actor_.work();
    } catch (...) {
        error_ = std::current_exception();
    }
    player_of_thread = nullptr;
    if (taken_ > actor_.steps && !error_) {
        error_ = std::make_exception_ptr(
            std::logic_error("an actor took " + std::to_string(taken_) +
                             " steps, and not at most " + std::to_string(actor_.steps)));
    }
    while (actor_.idles && taken_ < actor_.steps) step();
    const std::lock_guard lock{turns_.mutex};
    state_ = State::over;
    turns_.changed.notify_all();
}

void Player::step() {
    std::unique_lock lock{turns_.mutex};
    taken_ += 1;
    state_ = State::before_step;
    turns_.changed.notify_all();
    turns_.changed.wait(lock, [&] { return has_turn_; });
    has_turn_ = false;
}

void Player::go_on() {
    has_turn_ = true;
    state_ = State::running;
    turns_.changed.notify_all();
}

/// What the system says of a thread; nothing where it has ended.
std::string told_of(long thread, const char* what) {
    const std::string path = "/proc/self/task/" + std::to_string(thread) + '/' + what;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "r"),
                                                               &std::fclose};
    if (!file) return {};
    std::array<char, 200> text{};
    return {text.data(), std::fread(text.data(), 1, text.size(), file.get())};
}

/// It waits at a condition variable: for that, and not for a mutex or a time, the system's call is
/// the one that waits for bits. Who has just been woken is still in that call, but sleeps no more.
bool Player::sleeps() const {
    long call = -1;
    unsigned long address = 0;
    unsigned long operation = 0;
    const std::string told = told_of(id_, "syscall");
    // NOLINTNEXTLINE(cert-err34-c): of one that runs, it is no number
    if (std::sscanf(told.c_str(), "%ld %lx %lx", &call, &address, &operation) != 3) return false;
    constexpr unsigned long command =
        ~static_cast<unsigned long>(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    if (call != SYS_futex || (operation & command) != FUTEX_WAIT_BITSET) return false;
    const std::string state = told_of(id_, "stat");
    const auto name_end = state.rfind(')');
    return name_end != std::string::npos && state.compare(name_end, 3, ") S") == 0;
}

/// Waits until nobody runs: until each stands before a step, is over, or sleeps.
void settle(Turns& turns, const std::vector<std::unique_ptr<Player>>& players) {
    const auto end = std::chrono::steady_clock::now() + limit;
    std::unique_lock lock{turns.mutex};
    const auto all_rest = [&] {
        return std::ranges::all_of(players, [](const auto& each) { return each->rests(); });
    };
    for (;;) {
        // Who sleeps is asked once more when nobody is left who might have woken him since.
        bool is_settled = turns.changed.wait_for(lock, 500us, all_rest);
        for (const auto& each : players) {
            if (!each->may_sleep()) continue;
            lock.unlock();
            const bool sleeps = each->sleeps();
            lock.lock();
            each->set_asleep(sleeps);
            if (each->state() != Player::State::asleep) is_settled = false;
        }
        if (is_settled) return;
        if (std::chrono::steady_clock::now() > end) {
            std::cerr << "an actor neither takes a step nor sleeps" << std::endl;
            std::abort();
        }
    }
}

}  // namespace

void Orders::step() {
    if (player_of_thread != nullptr) player_of_thread->step();
}

bool Orders::has_actor() noexcept { return player_of_thread != nullptr; }

bool Orders::next() {
    depth_ = 0;
    if (count_ == 0) return true;
    while (!decisions_.empty()) {
        Decision& last = decisions_.back();
        if (++last.at < last.choices.size()) return true;
        decisions_.pop_back();
    }
    return false;
}

std::size_t Orders::decide(const std::vector<std::size_t>& choices) {
    if (depth_ == decisions_.size()) {
        decisions_.push_back({choices});
    } else if (decisions_[depth_].choices != choices) {
        const auto text = [](const std::vector<std::size_t>& actors) {
            std::string list;
            for (const std::size_t each : actors) list += std::to_string(each) + ' ';
            return list;
        };
        throw std::logic_error("after " + shown() + "these could go on: " +
                               text(decisions_[depth_].choices) + "and now: " + text(choices));
    }
    return decisions_[depth_++].chosen();
}

void Orders::play(const std::vector<Actor>& actors) {
    count_ += 1;
    const OnOneCore on_one_core;
    Turns turns;
    std::vector<std::unique_ptr<Player>> players;
    for (const auto& actor : actors) {
        players.push_back(std::make_unique<Player>(turns, actor));
        settle(turns, players);  // one after the other, up to their first steps
    }
    std::exception_ptr error;
    for (;;) {
        settle(turns, players);
        std::vector<std::size_t> choices;
        bool is_over = true;
        const std::lock_guard lock{turns.mutex};
        for (std::size_t i = 0; i < players.size(); ++i) {
            if (players[i]->state() == Player::State::before_step) choices.push_back(i);
            if (players[i]->state() != Player::State::over) is_over = false;
        }
        if (is_over) break;
        if (choices.empty()) {
            std::cerr << "all sleep, and nobody is left to wake them: " << shown() << std::endl;
            std::abort();  // threads that wait for each other cannot be joined
        }
        std::size_t chosen = choices.front();
        try {
            if (!error) chosen = decide(choices);
        } catch (...) {
            error = std::current_exception();  // thrown when all have ended, somehow
        }
        players[chosen]->go_on();
    }
    for (const auto& each : players) {
        if (each->error() && !error) error = each->error();
    }
    if (error) std::rethrow_exception(error);
}

std::string Orders::shown() const {
    std::string text;
    for (std::size_t i = 0; i < depth_; ++i) text += std::to_string(decisions_[i].chosen()) + ' ';
    return text;
}

std::size_t orders_of(std::span<const std::size_t> steps) {
    std::size_t orders = 1;
    std::size_t all = 0;
    for (const std::size_t each : steps) {
        // Where the steps of one more go among those of the others.
        for (std::size_t i = 1; i <= each; ++i) orders = orders * ++all / i;
    }
    return orders;
}

}  // namespace cachemodel::support
