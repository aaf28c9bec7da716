// An ordinary Express application, with no code for Kubernetes or handover.
import express from 'express'

const app = express()

app.get('/echo/:text', (request, response) => response.type('text').send(request.params.text))
app.get('/slow', (_request, response) => setTimeout(() => response.send('at last\n'), 3000))
app.get('/', (_request, response) => response.send(`hello from ${process.env.HOSTNAME ?? 'here'}\n`))

const server = app.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`port ${server.address().port} listens`)
})

// Longer than the ingress controller keeps an idle connection (nginx: 60 s).
server.keepAliveTimeout = 75_000
