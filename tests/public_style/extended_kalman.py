"""An extended Kalman filter for range and bearing measurements, with a class holding its state."""

import numpy as np


class ExtendedKalmanFilter:
    def __init__(self, x0, P0, Q, R):
        self.x = x0
        self.P = P0
        self.Q = Q
        self.R = R
        self.log_likelihood = 0.0

    def predict(self, v, omega, dt):
        px, py, theta = self.x
        self.x = np.array(
            [px + v * dt * np.cos(theta), py + v * dt * np.sin(theta), theta + omega * dt]
        )
        F = np.eye(3)
        F[0, 2] = -v * dt * np.sin(theta)
        F[1, 2] = v * dt * np.cos(theta)
        self.P = F @ self.P @ F.T + self.Q

    def update(self, z, landmark):
        dx = landmark[0] - self.x[0]
        dy = landmark[1] - self.x[1]
        q = dx**2 + dy**2
        d = np.sqrt(q)
        z_hat = np.array([d, np.arctan2(dy, dx) - self.x[2]])
        H = np.array([[-dx / d, -dy / d, 0.0], [dy / q, -dx / q, -1.0]])

        innovation = z - z_hat
        innovation[1] = wrap_angle(innovation[1])
        S = H @ self.P @ H.T + self.R
        K = np.linalg.solve(S, H @ self.P).T
        self.x = self.x + K @ innovation
        self.P = (np.eye(3) - K @ H) @ self.P
        self.log_likelihood -= 0.5 * (
            innovation @ np.linalg.solve(S, innovation) + np.log(np.linalg.det(2 * np.pi * S))
        )


def wrap_angle(a):
    while a > np.pi:
        a -= 2 * np.pi
    while a < -np.pi:
        a += 2 * np.pi
    return a


def program(log_noise, controls, measurements, landmarks):
    sigma = np.exp(log_noise)
    Q = np.diag([sigma[0] ** 2, sigma[0] ** 2, sigma[1] ** 2])
    R = np.diag(sigma[2:] ** 2)
    ekf = ExtendedKalmanFilter(np.zeros(3), 0.01 * np.eye(3), Q, R)
    for k, (v, omega) in enumerate(controls):
        ekf.predict(v, omega, dt=0.5)
        for j in range(len(landmarks)):
            ekf.update(measurements[k, j], landmarks[j])
    return -ekf.log_likelihood


def arguments():
    rng = np.random.default_rng(1)
    landmarks = np.array([[4.0, 1.0], [-3.0, 2.5], [-2.0, -0.4]])
    controls = np.array([[1.0, 0.1], [1.1, 0.4], [0.9, -0.2], [1.0, 0.3]])
    pose = np.zeros(3)
    measurements = np.zeros((4, 3, 2))
    for k, (v, omega) in enumerate(controls):
        pose = pose + 0.5 * np.array([v * np.cos(pose[2]), v * np.sin(pose[2]), omega])
        for j, (lx, ly) in enumerate(landmarks):
            bearing = np.arctan2(ly - pose[1], lx - pose[0]) - pose[2]
            bearing = (bearing + np.pi) % (2 * np.pi) - np.pi
            measurements[k, j] = np.hypot(lx - pose[0], ly - pose[1]), bearing
    measurements += 0.05 * rng.standard_normal(measurements.shape)
    return np.log(np.array([0.1, 0.05, 0.2, 0.1])), controls, measurements, landmarks
